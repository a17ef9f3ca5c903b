#!/bin/bash
# What the operator would apply, against the schemas of a real API server: every golden file, and the output of
# `everserve render` for every sample and every accepted case. Prints TAP.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
checker=${CONFORMANCE:-../shared/conformance}/manifests.py
everserve=${B:-build}/everserve
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

render() { # FILE...
    for f in "$@"; do "$everserve" render -o json "$f" || return 1; done
}

accepted_cases() {
    awk -v dir="$tmp" '/^---$/ { n++; next } n { print > sprintf("%s/%03d.yaml", dir, n) }' tests/cases/isvc.yaml
    for f in "$tmp"/*.yaml; do
        ! grep -q '^# refused:' "$f" || continue
        grep -q '^apiVersion:' "$f" ||
            sed -i '1i apiVersion: serving.everserve.dev/v1alpha1\nkind: InferenceService\nmetadata: { name: x }' "$f"
        render "$f" || return 1
    done
}

n=0
check() { # NAME COMMAND...
    local name=$1
    shift
    n=$((n + 1))
    if [ ! -f "$checker" ]; then
        echo "ok $n - manifests: $name # SKIP $checker is not here"
    elif "$@" 2>"$tmp/err" | python3 "$checker" >"$tmp/out"; then
        echo "ok $n - manifests: $name: $(tail -n 1 "$tmp/out")"
    else
        echo "not ok $n - manifests: $name"
        sed 's/^/# /' "$tmp/err" "$tmp/out"
    fi
}

check "golden files" cat tests/golden/*.json
check "samples and golden cases, rendered" render deploy/samples/*.yaml tests/golden/*.yaml
check "accepted cases, rendered" accepted_cases
echo "1..$n"
