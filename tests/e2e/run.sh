#!/bin/sh
# run.sh - every scenario, as TAP: against the cluster that KUBECONFIG names, or a local one of its own.
#
# Several scenarios run at a time, each in a namespace of its own: they mostly wait. Those of programs named
# alone_* disturb the whole cluster and run one by one, last.
# E2E_PROGRAMS=glob (children), E2E_ONLY=glob of names, E2E_JOBS=n, E2E_LONG=1, E2E_SLOW=n, E2E_SECONDS=n bounds
# each scenario; tests/e2e/harness.h has the rest.
# E2E_AGAIN=1: what fails gets a second try, and what failed first is shown: on a small machine under sanitizers
# a wait of seconds may be too short.
set -u
cd "$(dirname "$0")/../.." || exit 1
ulimit -f 4194304 # 2 GiB: a program that says one thing for ever must not fill the disk

try() { # PROGRAM ROW: its TAP
    E2E_ROW=$2 timeout -k 10 "${E2E_SECONDS:-$limit}" "$1" 2>&1
    rc=$?
    [ $rc -lt 124 ] || echo "not ok - scenario $2 of $(basename "$1") ended with $rc"
}

fails() { grep -q '^not ok [^#]*$' "$1"; }

if [ "${1:-}" = one ]; then # PROGRAM ROW
    limit=$((300 * ${E2E_SLOW:-1}))
    [ -z "${E2E_LONG:-}" ] || limit=$((limit * 12))
    log=$E2E_LOGS/$(basename "$2").$3.tap
    try "$2" "$3" >"$log"
    if [ -n "${E2E_AGAIN:-}" ] && fails "$log"; then
        sed 's/^\(not \)\{0,1\}ok/# first try: &/; s/^1\.\./# &/' "$log" >"$log.first"
        try "$2" "$3" >"$log"
        cat "$log.first" >>"$log"
    fi
    flock "$E2E_LOGS" cat "$log"
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

# "PROGRAM ROW" of each scenario
for t in "$B"/tests/e2e/${E2E_PROGRAMS:-*}_test "$B"/tests/e2e/alone_${E2E_PROGRAMS:-*}_test; do
    [ ! -x "$t" ] || E2E_LIST=1 "$t" | sed "s|^|$t |"
done | sort -u >"$E2E_LOGS/rows"
{ # those with Redis take longest: they begin
    grep '/redis_' "$E2E_LOGS/rows"
    grep -v '/redis_\|/alone_' "$E2E_LOGS/rows"
} | xargs -r -P "${E2E_JOBS:-4}" -n 2 "$0" one
grep '/alone_' "$E2E_LOGS/rows" | xargs -r -n 2 "$0" one
for log in "$E2E_LOGS"/*.tap; do
    fails "$log" || continue
    # what the local cluster had to say
    tail -n 30 "$(dirname "$KUBECONFIG")"/log/*.log 2>/dev/null | sed 's/^/# /'
    exit 1
done
