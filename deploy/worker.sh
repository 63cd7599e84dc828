#!/bin/sh
# Makes this machine a worker, once packages.sh and install.sh have run here and master.sh on the master. Run
# again it changes nothing.
#
# usage: worker.sh ADDRESS kubepy join HOST:PORT --token TOKEN --discovery-token-ca-cert-hash HASH
#        (as `kubepy token create --print-join-command` on the master prints it)
set -eu

[ $# -ge 4 ] && [ "$2 $3" = "kubepy join" ] || { echo "usage: worker.sh ADDRESS kubepy join ..." >&2; exit 2; }
address=$1
shift
exec "$@" --node-ip "$address"
