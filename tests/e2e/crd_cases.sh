#!/bin/bash
# The accepted and refused resources of tests/cases/isvc.yaml against the CRD on the API server that KUBECONFIG
# names: a dry run, nothing is kept but the CRD itself. Prints TAP. The local cluster's server knows no CEL, so
# this is for a real one.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
if [ -z "${KUBECONFIG-}" ]; then
    printf 'ok 1 - CRD cases # SKIP KUBECONFIG names no cluster\n1..1\n'
    exit 0
fi
kubectl=${KUBECTL:-kubectl}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

$kubectl apply --server-side -f crds/inferenceservices.yaml >/dev/null || exit 1
$kubectl wait --for=condition=Established --timeout=30s crd/inferenceservices.serving.everserve.dev >/dev/null || exit 1

awk -v dir="$tmp" '/^---$/ { n++; next } n { print > sprintf("%s/%03d", dir, n) }' tests/cases/isvc.yaml

comment() { sed -n "s/^# $1: //p" "$2"; }
n=0
for body in "$tmp"/*; do
    name=$(comment case "$body") refused=$(comment refused "$body")
    [ "$(comment only "$body")" != c ] || continue
    if ! grep -q '^apiVersion:' "$body"; then
        sed -i '1i apiVersion: serving.everserve.dev/v1alpha1\nkind: InferenceService\nmetadata: { name: x }' "$body"
    fi
    want=accepted verdict=refused n=$((n + 1))
    [ -z "$refused" ] || want=refused
    if said=$($kubectl create --dry-run=server --validate=strict -n default -f - <"$body" 2>&1); then verdict=accepted; fi
    if [ $verdict = $want ] && grep -qF -- "$refused" <<<"$said"; then
        echo "ok $n - CRD: $name"
    else
        echo "not ok $n - CRD: $name"
        echo "# wanted $want $refused, the server said: ${said//$'\n'/ }"
    fi
done
echo "1..$n"
