#!/bin/sh
# Makes a wheel set: kubepy from this checkout, and everything it needs, for machines without internet.
#
# usage: wheels.sh DIRECTORY        PYTHON=... names the interpreter (3.11, as on the machines)
#        wheels.sh --own DIRECTORY  only kubepy's own wheel, in place of an older one
set -eu

own=
[ "${1-}" = --own ] && { own=yes; shift; }
[ $# -eq 1 ] || { echo "usage: wheels.sh [--own] DIRECTORY" >&2; exit 2; }
checkout=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-python3}
mkdir -p "$1"
rm -f "$1"/kubepy_k8s-*.whl
if [ -n "$own" ]; then
	"$python" -m pip wheel -q --disable-pip-version-check --no-deps --wheel-dir "$1" "$checkout"
else
	"$python" -m pip wheel -q --disable-pip-version-check --constraint "$checkout/requirements.lock" \
		--wheel-dir "$1" "$checkout[node,etcd]"
fi
