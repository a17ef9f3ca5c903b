#!/bin/sh
# run.sh - every scenario, as TAP: against the cluster that KUBECONFIG names, or a local one of its own.
#
# Several programs run at a time, each in namespaces of its own; those named
# alone_* disturb the whole cluster and run one by one, last.
# E2E_PROGRAMS=glob (children), E2E_JOBS=n, E2E_LONG=1, E2E_SLOW=n, E2E_ONLY=glob; tests/e2e/harness.h has the rest.
# E2E_AGAIN=1: a program with a failure gets a second try, and what failed first is shown: under sanitizers
# on a small machine a wait of seconds may be too short.
set -u
cd "$(dirname "$0")/../.." || exit 1

if [ "${1:-}" = one ]; then # PROGRAM
    log=$E2E_LOGS/$(basename "$2").tap
    "$2" >"$log" 2>&1
    rc=$?
    if [ $rc -gt 0 ] && [ $rc -lt 124 ] && [ -n "${E2E_AGAIN:-}" ]; then # and it says so
        grep '^not ok [^#]*$' "$log" | sed 's/^/# first try: /' >"$log.first"
        "$2" >"$log" 2>&1
        rc=$?
        cat "$log.first" >>"$log"
    fi
    [ $rc -lt 124 ] || echo "not ok - $(basename "$2") ended with $rc" >>"$log"
    exit 0
fi

B=${B:-build}
export E2E_BINARY="${E2E_BINARY:-$B/everserve}" CMOCKA_MESSAGE_OUTPUT=TAP
[ -z "${SAN:-}" ] || export E2E_SLOW="${E2E_SLOW:-3}"

if [ -z "${KUBECONFIG:-}" ] && [ ! -x "$B/everserve-sim" ]; then
    echo "ok 1 - scenarios # SKIP no KUBECONFIG, and no local cluster in $B"
    echo "1..1"
    exit 0
fi
if [ -z "${KUBECONFIG:-}" ]; then
    # The outer call only starts the cluster; the inner one finds KUBECONFIG.
    exec "$B/everserve-sim" up -- "$0"
fi

if [ -z "${E2E_LOGS:-}" ]; then
    E2E_LOGS=$(mktemp -d)
    trap 'rm -rf "$E2E_LOGS"' EXIT
fi
export E2E_LOGS

for t in "$B"/tests/e2e/${E2E_PROGRAMS:-*}_test; do
    case $(basename "$t") in alone_*) ;; *) echo "$t" ;; esac
done | xargs -P "${E2E_JOBS:-3}" -n 1 "$0" one
for t in "$B"/tests/e2e/alone_${E2E_PROGRAMS:-*}_test; do
    [ ! -e "$t" ] || "$0" one "$t"
done
cat "$E2E_LOGS"/*.tap
! grep -q '^not ok [^#]*$' "$E2E_LOGS"/*.tap
