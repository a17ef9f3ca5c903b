#!/bin/sh
# demo.sh - a local cluster, the real operator in it, and a tour: `make demo`.
#
#   demo.sh [--once]      --once (or DEMO_ONCE=1): end after the tour, exit code 0 when all of it was seen
#
# Needs root, or an unprivileged user namespace; the local cluster says so itself.
# Everything it starts is its child and ends with it. Logs: build/demo/.
set -eu
cd "$(dirname "$0")/../.."
B=${B:-build}
[ "${1-}" != --once ] || DEMO_ONCE=1
export B DEMO_ONCE="${DEMO_ONCE-}"
mkdir -p "$B/demo"
exec "$B/everserve-sim" up -- python3 tests/demo/tour.py
