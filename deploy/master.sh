#!/bin/sh
# Makes this machine the master, once install.sh has run: keys and configuration of all machines, an archive
# for each worker in the shared folder, the components as services.
#
# usage: master.sh SHARED_FOLDER [configure.py's options: --workers N, --subnet CIDR, ...]
#
# Not run on a machine of its own yet (deploy/README.md says what is tested).
set -eu

[ $# -ge 1 ] || { echo "usage: master.sh SHARED_FOLDER [--workers N] [--subnet CIDR]" >&2; exit 2; }
shared=$1
shift
python=/opt/kubepy/.venv/bin/python
configure=/opt/kubepy/deploy/configure.py

"$python" "$configure" master --shared "$shared" "$@"
systemctl enable -q kubepy-image-mirror containerd kubepy-apiserver kubepy-scheduler \
	kubepy-controller-manager kubepy-kubelet kubepy-proxy
systemctl restart kubepy-image-mirror containerd kubepy-apiserver kubepy-scheduler kubepy-controller-manager \
	kubepy-kubelet kubepy-proxy
"$python" "$configure" addons
echo "export KUBECONFIG=/etc/kubepy/admin.kubeconfig" >/etc/profile.d/kubepy.sh
