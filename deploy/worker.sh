#!/bin/sh
# Makes this machine a worker, once install.sh has run here and master.sh on the master: takes the archive with
# this machine's name from the shared folder, starts the components as services.
#
# usage: worker.sh SHARED_FOLDER
#
# Not run on a machine of its own yet (deploy/README.md says what is tested).
set -eu

[ $# -eq 1 ] || { echo "usage: worker.sh SHARED_FOLDER" >&2; exit 2; }

/opt/kubepy/.venv/bin/python /opt/kubepy/deploy/configure.py worker --shared "$1"
systemctl enable -q kubepy-image-mirror containerd kubepy-kubelet kubepy-proxy
systemctl restart kubepy-image-mirror containerd kubepy-kubelet kubepy-proxy
