#!/bin/sh
# Makes this machine the master, once packages.sh and install.sh have run. Run again it changes nothing.
#
# usage: master.sh ADDRESS [kubepy init's options]
set -eu

[ $# -ge 1 ] || { echo "usage: master.sh ADDRESS [OPTIONS]" >&2; exit 2; }
address=$1
shift
kubepy init --apiserver-advertise-address "$address" "$@"

# `kubectl` for whoever logs in to a virtual machine.
if id vagrant >/dev/null 2>&1; then
	install -d -o vagrant -g vagrant -m 0700 /home/vagrant/.kube
	install -o vagrant -g vagrant -m 0600 /etc/kubepy/admin.kubeconfig /home/vagrant/.kube/config
fi
