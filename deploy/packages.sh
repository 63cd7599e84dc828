#!/bin/sh
# Installs the Debian packages that a machine of a cluster needs; those that are there are left alone.
# `packages.sh --etcd`: those of a master of a cluster with several masters; `packages.sh [--etcd] --list` prints
# them.
set -eu

packages="containerd runc containernetworking-plugins iptables nftables conntrack busybox-static iproute2
util-linux procps ethtool kmod ca-certificates python3 python3-venv gcc libc6-dev"

if [ "${1-}" = --etcd ]; then
	packages="$packages etcd-server"
	shift
fi
if [ "${1-}" = --list ]; then
	printf '%s\n' $packages
	exit
fi
[ "$(id -u)" = 0 ] || { echo "packages.sh: run it as root" >&2; exit 1; }
missing=
for package in $packages; do
	dpkg -s "$package" 2>/dev/null | grep -q '^Status: install ok' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
# The services of packages are started by kubepy, not by their installation.
[ -e /usr/sbin/policy-rc.d ] || { printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d; made=yes; }
trap '[ -z "${made-}" ] || rm -f /usr/sbin/policy-rc.d' EXIT
apt-get update -q
# shellcheck disable=SC2086 -- a list of packages
DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
# kubepy-etcd.service takes its place.
case "$missing" in *etcd-server*) systemctl disable --quiet etcd.service ;; esac
