#!/usr/bin/env python3
"""The tour of `make demo`: the operator starts, a sample becomes a service, a master dies, scaling is held and released.

Runs inside `everserve-sim up`, which sets KUBECONFIG. Exit code 0: everything was seen to happen.
"""
import atexit
import base64
import os
import signal
import socket
import subprocess
import sys
import time

import yaml

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cluster import Cluster, Refused, condition

BUILD = os.environ.get("B", "build")
ONCE = os.environ.get("DEMO_ONCE", "") not in ("", "0")
SAMPLE = "deploy/samples/fraud.yaml"
NAME = "fraud"
PATIENCE_SECONDS = 90
BOLD, DIM, GREEN, RED, PLAIN = ("\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[0m") if sys.stdout.isatty() else [""] * 5

started = time.monotonic()


def say(text="", style=""):
    print(f"{DIM}{time.monotonic() - started:6.1f} s{PLAIN}  {style}{text}{PLAIN}", flush=True)


def title(text):
    print(f"\n{BOLD}{text}{PLAIN}", flush=True)


class Watcher:
    """Looks a few times a second and says what has changed since the last look."""

    def __init__(self, cluster):
        self.cluster, self.seen = cluster, {}

    def changed(self, key, value, text=None):
        if self.seen.get(key) != value:
            self.seen[key] = value
            if value not in (None, ""):
                say(text or f"{key:34} {value}")

    def look(self):
        c = self.cluster
        for kind in ("Deployment", "StatefulSet"):
            for o in c.list(kind):
                status, spec = o.get("status", {}), o["spec"]
                self.changed(f"{kind} {o['metadata']['name']}", f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 1)} ready")
        for kind in ("Service", "Secret", "ConfigMap", "PodDisruptionBudget", "NetworkPolicy", "HorizontalPodAutoscaler"):
            for o in c.list(kind):
                if NAME in o["metadata"]["name"]:
                    self.changed(f"{kind} {o['metadata']['name']}", "there")
        service = c.get("InferenceService", NAME)
        for kind in ("PredictorReady", "RedisReady", "ScalingHeld", "Ready"):
            self.say_condition(condition(service, kind), kind)
        return service

    def say_condition(self, c, kind):
        if not c["reason"] or kind == "ScalingHeld" and c["status"] != "True" and kind not in self.seen:
            return
        style = GREEN if c["status"] == ("False" if kind == "ScalingHeld" else "True") else RED
        self.changed(kind, (c["status"], c["reason"]),
                     f"{style}{kind}={c['status']}{PLAIN} {BOLD}{c['reason']}{PLAIN} {DIM}{c.get('message', '')[:110]}{PLAIN}")

    def until(self, what, is_so, seconds=PATIENCE_SECONDS):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            service = self.look()
            if is_so(service):
                return service
            time.sleep(0.15)
        raise SystemExit(f"gave up after {seconds} s waiting until {what}; logs are in {BUILD}/demo/")


def is_ready(service):
    meta, status = (service or {}).get("metadata", {}), (service or {}).get("status", {})
    return status.get("observedGeneration") == meta.get("generation") and condition(service, "Ready")["status"] == "True"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start_operator():
    log = open(f"{BUILD}/demo/operator.log", "w")
    port = free_port()
    operator = subprocess.Popen([f"{BUILD}/everserve", "run", f"--metrics-address=127.0.0.1:{port}",
                                 "--health-address=127.0.0.1:0", "--leader-elect=false"], stdout=log, stderr=log)
    atexit.register(lambda: stop(operator))
    time.sleep(0.2)
    if operator.poll() is not None:
        raise SystemExit(f"the operator ended at once:\n{open(log.name).read()}")
    return operator, port


def stop(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def show_what_runs(cluster):
    title("What runs")
    rows = [("KIND", "NAME", "STATE", "WHERE")]
    for kind in ("InferenceService", "Deployment", "StatefulSet", "HorizontalPodAutoscaler", "PodDisruptionBudget",
                 "Service", "ConfigMap", "Secret", "NetworkPolicy"):
        for o in cluster.list(kind):
            if NAME in o["metadata"]["name"]:
                rows.append((kind, o["metadata"]["name"], state_of(kind, o), ""))
    zones = {n["metadata"]["name"]: n["metadata"].get("labels", {}).get("topology.kubernetes.io/zone", "") for n in cluster.list("Node")}
    for p in sorted(cluster.list("Pod"), key=lambda p: p["metadata"]["name"]):
        node = p["spec"].get("nodeName", "")
        rows.append(("Pod", p["metadata"]["name"], p.get("status", {}).get("phase", ""),
                     f"{p.get('status', {}).get('podIP', '')} on {node} ({zones.get(node, '')})"))
    widths = [max(len(r[i]) for r in rows) for i in range(4)]
    for r in rows:
        print("  " + "  ".join(text.ljust(w) for text, w in zip(r, widths)).rstrip())


def state_of(kind, o):
    status, spec = o.get("status", {}), o.get("spec", {})
    if kind == "InferenceService":
        return "Ready" if is_ready(o) else condition(o, "Ready")["reason"]
    if kind in ("Deployment", "StatefulSet"):
        return f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 1)} ready"
    if kind == "HorizontalPodAutoscaler":
        return f"{spec.get('minReplicas')} to {spec.get('maxReplicas')}, now {status.get('currentReplicas', '?')}"
    if kind == "PodDisruptionBudget":
        return f"{status.get('disruptionsAllowed', '?')} disruptions allowed"
    return ""


class Redis:
    """The same nodes as the operator sees, asked by `everserve check` and redis-cli."""

    def __init__(self, cluster):
        secret = cluster.get("Secret", f"{NAME}-redis") or {"data": {}}
        data = secret.get("data", {})
        self.password = base64.b64decode(data.get("password", next(iter(data.values()), ""))).decode()
        self.cluster = cluster

    def pods(self):
        return [p for p in self.cluster.list("Pod") if p["metadata"]["name"].startswith(f"{NAME}-redis-")]

    def addresses(self):
        return [f"{p['status']['podIP']}:6379" for p in self.pods() if p.get("status", {}).get("podIP")]

    def check(self):
        return subprocess.run([f"{BUILD}/everserve", "check", *self.addresses()], text=True, capture_output=True,
                              env={**os.environ, "REDIS_PASSWORD": self.password, "REDISCLI_AUTH": self.password})

    def is_master(self, pod):
        answer = subprocess.run(["redis-cli", "-h", pod["status"]["podIP"], "info", "replication"], text=True, capture_output=True,
                                timeout=5, env={**os.environ, "REDISCLI_AUTH": self.password})
        return "role:master" in answer.stdout

    def some_master(self):
        return next(p for p in self.pods() if p.get("status", {}).get("podIP") and self.is_master(p))


def show_check(redis):
    title("everserve check: the verdict from every node's own view")
    answer = redis.check()
    print("\n".join("  " + line for line in (answer.stdout + answer.stderr).rstrip().split("\n")))
    return answer.returncode


def act_one(cluster, watcher):
    title(f"1. kubectl apply -f {SAMPLE}")
    for doc in yaml.safe_load_all(open(SAMPLE)):
        cluster.apply(doc)
    begin = time.monotonic()
    watcher.until("RedisReady", lambda s: condition(s, "RedisReady")["status"] == "True")
    say(f"RedisReady after {time.monotonic() - begin:.1f} s", BOLD)
    watcher.until("the service is Ready", is_ready)
    show_what_runs(cluster)


def act_two(cluster, watcher, redis):
    title("2. One more replica, while all slots are healthy: goes at once")
    replicas = cluster.get("InferenceService", NAME)["spec"]["predictor"].get("minReplicas", 2)
    cluster.patch("InferenceService", NAME, {"spec": {"predictor": {"minReplicas": replicas + 1}}})
    watcher.until("the Deployment has one more", lambda s: is_ready(s) and s["status"].get("readyReplicas") == replicas + 1)

    victim = redis.some_master()
    title(f"3. The pod of a Redis master is deleted ({victim['metadata']['name']}), and then one replica less is wanted")
    cluster.delete("Pod", victim["metadata"]["name"])
    watcher.until("the verdict is no longer Healthy", lambda s: condition(s, "RedisReady")["reason"] != "Healthy")
    cluster.patch("InferenceService", NAME, {"spec": {"predictor": {"minReplicas": replicas}}})
    watcher.until("scaling is held", lambda s: condition(s, "ScalingHeld")["status"] == "True")
    verdict = show_check(redis)
    title("4. The pod comes back, or its replica takes over; once every slot is healthy again the step is released")
    watcher.until("scaling is released", lambda s: condition(s, "ScalingHeld")["status"] == "False")
    watcher.until("all is ready with the smaller number",
                  lambda s: is_ready(s) and s["status"].get("readyReplicas") == replicas)
    return verdict


def stay(operator, port):
    title("It is yours now")
    print(f"  export KUBECONFIG={os.environ['KUBECONFIG']}")
    print("  kubectl get evs,pods        (or any client; Ctrl-C here ends and removes all of it)")
    inside = f"{BUILD}/everserve-sim exec --dir {os.path.dirname(os.environ['KUBECONFIG'])} --"
    print(f"  {inside} curl -s http://127.0.0.1:{port}/metrics        (a command in the cluster's network)")
    print(f"  the operator's log is {BUILD}/demo/operator.log", flush=True)
    operator.wait()
    raise SystemExit(f"the operator ended: see {BUILD}/demo/operator.log")


def main():
    cluster = Cluster(os.environ["KUBECONFIG"].split(":")[0])
    title("The operator starts")
    for doc in yaml.safe_load_all(open("crds/inferenceservices.yaml")):
        cluster.apply(doc)
    operator, port = start_operator()
    say(f"everserve run, process {operator.pid}; {len(cluster.list('Node'))} nodes")
    watcher = Watcher(cluster)
    act_one(cluster, watcher)
    redis = Redis(cluster)
    if show_check(redis) != 0:
        raise SystemExit("everserve check does not call it healthy")
    if act_two(cluster, watcher, redis) == 0:
        say("(the check came too late to see the fault)")
    if show_check(redis) != 0:
        raise SystemExit("everserve check does not call it healthy after the repair")
    title(f"{GREEN}All of it seen, in {time.monotonic() - started:.0f} s{PLAIN}")
    if not ONCE:
        stay(operator, port)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
try:
    main()
except KeyboardInterrupt:
    print("\nending", flush=True)
except Refused as e:
    raise SystemExit(f"the API server refused: {e}")
