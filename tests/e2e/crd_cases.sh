#!/bin/bash
# The accepted and refused resources of tests/cases/isvc.yaml against the CRD on the API server that
# KUBECONFIG names (dry run: nothing is kept but the CRD itself).
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${KUBECONFIG:?names the cluster to use}"
kubectl=${KUBECTL:-kubectl}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

$kubectl apply --server-side -f crds/inferenceservices.yaml >/dev/null
$kubectl wait --for=condition=Established --timeout=30s crd/inferenceservices.serving.everserve.dev >/dev/null

awk -v dir="$tmp" '/^---$/ { n++; next } n { print > sprintf("%s/%03d", dir, n) }' tests/cases/isvc.yaml

comment() { sed -n "s/^# $1: //p" "$2"; }
passed=0 failed=0
for body in "$tmp"/*; do
    name=$(comment case "$body") refused=$(comment refused "$body")
    [ "$(comment only "$body")" != c ] || continue
    if ! grep -q '^apiVersion:' "$body"; then
        sed -i '1i apiVersion: serving.everserve.dev/v1alpha1\nkind: InferenceService\nmetadata: { name: x }' "$body"
    fi
    if said=$($kubectl create --dry-run=server --validate=strict -n default -f - <"$body" 2>&1); then verdict=accepted; else verdict=refused; fi
    want=accepted part=$refused
    [ -z "$refused" ] || want=refused
    # the server writes "metadata.name: ..." rules as rules of the whole object
    if [ $verdict = $want ] && grep -qF -- "$part" <<<"$said"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED %s: wanted %s %s\n  %s\n' "$name" "$want" "$part" "$said"
    fi
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
