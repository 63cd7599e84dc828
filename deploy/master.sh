#!/bin/sh
# Makes this machine a master, once packages.sh (for --etcd and more masters: packages.sh --etcd) and install.sh
# have run. Run again it changes nothing.
#
# usage: master.sh ADDRESS [kubepy init's options]       the first; with --etcd more may follow
#        master.sh ADDRESS kubepy join ...               one more, as `kubepy token create --control-plane` prints it
set -eu

[ $# -ge 1 ] || { echo "usage: master.sh ADDRESS [OPTIONS | kubepy join ...]" >&2; exit 2; }
address=$1
shift
if [ "${1-} ${2-}" = "kubepy join" ]; then
	"$@" --apiserver-advertise-address "$address"
else
	kubepy init --apiserver-advertise-address "$address" "$@"
fi

# `kubectl` for whoever logs in to a virtual machine.
if id vagrant >/dev/null 2>&1; then
	install -d -o vagrant -g vagrant -m 0700 /home/vagrant/.kube
	install -o vagrant -g vagrant -m 0600 /etc/kubepy/admin.kubeconfig /home/vagrant/.kube/config
fi
