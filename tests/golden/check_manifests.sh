#!/bin/bash
# What the operator would apply, against the schemas of a real API server: every golden file, and the output of
# `everserve render` for every sample and accepted case.
set -euo pipefail
cd "$(dirname "$0")/../.."
checker=../shared/conformance/manifests.py
everserve=${EVERSERVE:-build/everserve}
if [ ! -f "$checker" ]; then
    echo "SKIPPED: $checker is not here"
    exit 0
fi
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

echo "golden files:"
cat tests/golden/*.json | python3 "$checker"
if ! "$everserve" render --help >/dev/null 2>&1; then
    echo "SKIPPED: $everserve cannot render: run make first"
    exit 0
fi
echo "samples and golden cases, rendered:"
for f in deploy/samples/*.yaml tests/golden/*.yaml; do "$everserve" render -o json "$f"; done | python3 "$checker"

echo "accepted cases, rendered:"
awk -v dir="$tmp" '/^---$/ { n++; next } n { print > sprintf("%s/%03d.yaml", dir, n) }' tests/cases/isvc.yaml
for f in "$tmp"/*; do
    ! grep -q '^# refused:' "$f" || continue
    grep -q '^apiVersion:' "$f" ||
        sed -i '1i apiVersion: serving.everserve.dev/v1alpha1\nkind: InferenceService\nmetadata: { name: x }' "$f"
    "$everserve" render -o json "$f"
done | python3 "$checker"
