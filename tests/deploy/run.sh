#!/bin/sh
# run.sh - what deploy/ holds, as TAP: it builds, the chart takes and refuses
# what its schema says, chart and base agree, and Kubernetes' own schemas accept
# it all where they are at hand (CONFORMANCE: a folder with manifests.py, which checks JSON on stdin).
set -u
cd "$(dirname "$0")/../.." || exit 1
MANIFESTS=${CONFORMANCE:-../shared/conformance}/manifests.py
n=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chart=deploy/helm/everserve

check() { # NAME COMMAND...
    n=$((n + 1))
    what=$1
    shift
    if "$@" >"$work/out" 2>&1; then
        echo "ok $n - deploy: $what"
    else
        echo "not ok $n - deploy: $what"
        head -n 40 "$work/out" | sed 's/^/# /'
    fi
}

skip() {
    n=$((n + 1))
    echo "ok $n - deploy: $1 # SKIP $2"
}

has() { command -v "$1" >/dev/null 2>&1; }
template() { helm template everserve "$chart" --namespace everserve-system "$@"; }
refused() { ! template "$@"; }
to_json() { python3 -c 'import json, sys, yaml; [print(json.dumps(d)) for d in yaml.safe_load_all(sys.stdin) if d]'; }
# A ServiceMonitor is no part of Kubernetes, whose schemas these are.
valid() { to_json <"$1" | grep -v '"kind": "ServiceMonitor"' | python3 "$MANIFESTS"; }
same_facts() { python3 tests/deploy/compare.py "$@"; }

if ! has kubectl; then
    skip "the kustomize base builds" "no kubectl"
elif [ ! -e crds/inferenceservices.yaml ]; then
    skip "the kustomize base builds" "no CRD"
else
    kubectl kustomize deploy/base >"$work/base.yaml" 2>"$work/err"
    check "the kustomize base builds" test -s "$work/base.yaml"
fi

if has helm && [ -e crds/inferenceservices.yaml ]; then
    template >"$work/chart.yaml" 2>"$work/err"
    template --set crds.keep=false >"$work/chart-nokeep.yaml" 2>"$work/err"
    template --set 'watchNamespaces={a,b}' --set serviceMonitor.enabled=true --set replicas=1 \
        --set crds.install=false >"$work/chart-scoped.yaml" 2>"$work/err"
    check "helm lint" helm lint --strict "$chart"
    check "the chart renders" test -s "$work/chart.yaml"
    check "the chart refuses a word where a number belongs" refused --set replicas=two
    check "the chart refuses an unknown value" refused --set replica=2
    check "the chart refuses a bad namespace" refused --set 'watchNamespaces={Bad_Name}'
    check "the chart's CRD is kept, or not, and is the one in crds/" same_facts crd "$work/chart.yaml" "$work/chart-nokeep.yaml" crds/inferenceservices.yaml
    check "a list of namespaces gives Roles there, and nothing cluster-wide but the nodes" same_facts scoped "$work/chart-scoped.yaml"
    [ ! -s "$work/base.yaml" ] ||
        check "chart and base grant the same rights and run the same pod" same_facts agree "$work/base.yaml" "$work/chart.yaml"
else
    skip "the Helm chart" "no helm, or no CRD"
fi

for f in base chart chart-nokeep chart-scoped; do
    [ -s "$work/$f.yaml" ] || continue
    if [ -e "$MANIFESTS" ]; then
        check "Kubernetes' schemas accept $f" valid "$work/$f.yaml"
    else
        skip "Kubernetes' schemas accept $f" "no $MANIFESTS"
    fi
done

lua=$(command -v lua5.4 || command -v lua5.3 || command -v lua || :)
if [ -n "$lua" ]; then
    check "Argo CD's health script" "$lua" tests/deploy/health_test.lua
else
    skip "Argo CD's health script" "no lua"
fi
echo "1..$n"
