#!/usr/bin/env python3
"""Facts about rendered manifests that must agree.

  compare.py crd CHART CHART_NOKEEP CRD   the chart's CRD is CRD, with the keep annotation or without
  compare.py scoped CHART                 rights of a chart that serves a list of namespaces
  compare.py agree BASE CHART             the same rights, the same pod
"""
import sys
import yaml

KEEP = "helm.sh/resource-policy"


def load(path):
    return [d for d in yaml.safe_load_all(open(path)) if d]


def one(docs, kind, name=None):
    found = [d for d in docs if d["kind"] == kind and name in (None, d["metadata"]["name"])]
    assert len(found) == 1, f"{len(found)} of {kind} {name}"
    return found[0]


def crd(chart, nokeep, source):
    kept, plain, want = (one(load(f), "CustomResourceDefinition") for f in (chart, nokeep, source))
    assert kept["metadata"]["annotations"].pop(KEEP) == "keep"
    kept["metadata"] = {k: v for k, v in kept["metadata"].items() if v}
    want["metadata"] = {k: v for k, v in want["metadata"].items() if v}
    assert plain == want, "the chart's CRD is not the one in crds/"
    assert kept == want, "keep changes more than one annotation"


def scoped(chart):
    docs = load(chart)
    assert not [d for d in docs if d["kind"].startswith("ClusterRole") and d["metadata"]["name"] == "everserve"]
    places = sorted(d["metadata"]["namespace"] for d in docs if d["kind"] == "Role" and d["metadata"]["name"] == "everserve")
    assert places == ["a", "b"], places
    args = one(docs, "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"]
    assert any(a.endswith("=a,b") for a in args), args
    assert not [d for d in docs if d["kind"] in ("CustomResourceDefinition", "PodDisruptionBudget")]


def agree(base, chart):
    base, chart = load(base), load(chart)
    for kind, name in (("ClusterRole", "everserve"), ("ClusterRole", "everserve-nodes"), ("Role", "everserve-leader"), ("ClusterRole", "everserve-edit"),
                       ("ClusterRole", "everserve-view")):
        assert one(base, kind, name)["rules"] == one(chart, kind, name)["rules"], f"rules of {kind} {name} differ"
    pods = [one(d, "Deployment")["spec"]["template"]["spec"] for d in (base, chart)]
    for key in ("securityContext", "serviceAccountName", "terminationGracePeriodSeconds"):
        assert pods[0][key] == pods[1][key], key
    for key in ("ports", "startupProbe", "livenessProbe", "readinessProbe", "resources", "securityContext"):
        assert pods[0]["containers"][0][key] == pods[1]["containers"][0][key], key


{"crd": crd, "scoped": scoped, "agree": agree}[sys.argv[1]](*sys.argv[2:])
