"""A small client of the Kubernetes API for the demo: KUBECONFIG in, dicts out. Standard library and PyYAML."""
import base64
import http.client
import json
import os
import ssl
import tempfile
import time
import urllib.parse

import yaml

PATHS = {
    "CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "InferenceService": "/apis/serving.everserve.dev/v1alpha1/namespaces/{ns}/inferenceservices",
    "Deployment": "/apis/apps/v1/namespaces/{ns}/deployments",
    "StatefulSet": "/apis/apps/v1/namespaces/{ns}/statefulsets",
    "HorizontalPodAutoscaler": "/apis/autoscaling/v2/namespaces/{ns}/horizontalpodautoscalers",
    "PodDisruptionBudget": "/apis/policy/v1/namespaces/{ns}/poddisruptionbudgets",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{ns}/networkpolicies",
    "Service": "/api/v1/namespaces/{ns}/services",
    "ConfigMap": "/api/v1/namespaces/{ns}/configmaps",
    "Secret": "/api/v1/namespaces/{ns}/secrets",
    "Pod": "/api/v1/namespaces/{ns}/pods",
    "Node": "/api/v1/nodes",
}


class Refused(Exception):
    """The API server's own words."""


class Cluster:
    def __init__(self, path):
        config = yaml.safe_load(open(path))
        context = next(c["context"] for c in config["contexts"] if c["name"] == config["current-context"])
        cluster = next(c["cluster"] for c in config["clusters"] if c["name"] == context["cluster"])
        user = next(u["user"] for u in config["users"] if u["name"] == context["user"])
        self.namespace = context.get("namespace", "default")
        self.url = urllib.parse.urlparse(cluster["server"])
        self.token = user.get("token")
        self.tls = self.url.scheme == "https" and self.tls_context(cluster, user)

    @staticmethod
    def tls_context(cluster, user):
        if cluster.get("insecure-skip-tls-verify"):
            tls = ssl._create_unverified_context()
        else:
            data = cluster.get("certificate-authority-data")
            tls = ssl.create_default_context(cafile=cluster.get("certificate-authority"),
                                             cadata=data and base64.b64decode(data).decode())
        tls.check_hostname = False  # 127.0.0.1 by any name
        tls.verify_flags &= ~ssl.VERIFY_X509_STRICT  # certificates of test clusters leave optional fields out
        files = [user.get(k) or Cluster.as_file(user.get(k + "-data")) for k in ("client-certificate", "client-key")]
        if files[0]:
            tls.load_cert_chain(*files)
        return tls

    @staticmethod
    def as_file(data):
        if not data:
            return None
        f = tempfile.NamedTemporaryFile(delete=False)
        f.write(base64.b64decode(data))
        f.close()
        return f.name

    def call(self, method, path, body=None, content_type="application/json"):
        kind = http.client.HTTPSConnection if self.tls else http.client.HTTPConnection
        options = {"context": self.tls} if self.tls else {}
        connection = kind(self.url.hostname, self.url.port, timeout=10, **options)
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        if self.token:
            headers["Authorization"] = "Bearer " + self.token
        try:
            connection.request(method, path, body and json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status == 404:
            return None
        if answer.status >= 300:
            raise Refused(f"{method} {path}: {answer.status} {text.decode(errors='replace')[:500]}")
        return json.loads(text)

    def path(self, kind, name=""):
        return PATHS[kind].format(ns=self.namespace) + (name and "/" + name)

    def get(self, kind, name):
        return self.call("GET", self.path(kind, name))

    def list(self, kind, selector=""):
        found = self.call("GET", self.path(kind) + (selector and "?labelSelector=" + urllib.parse.quote(selector)))
        return found["items"] if found else []

    def apply(self, obj):
        """A kind whose definition was applied just now may take a moment to be served."""
        path = self.path(obj["kind"], obj["metadata"]["name"]) + "?fieldManager=demo&force=true"
        for _ in range(100):
            answer = self.call("PATCH", path, obj, "application/apply-patch+yaml")
            if answer:
                return answer
            time.sleep(0.1)
        raise Refused(f"{path}: the API server knows no such kind")

    def patch(self, kind, name, change):
        return self.call("PATCH", self.path(kind, name), change, "application/merge-patch+json")

    def delete(self, kind, name):
        return self.call("DELETE", self.path(kind, name))


def condition(obj, kind):
    for c in (obj or {}).get("status", {}).get("conditions", []):
        if c["type"] == kind:
            return c
    return {"status": "Unknown", "reason": "", "message": ""}
