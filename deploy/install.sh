#!/bin/sh
# Installs kubepy on a Debian 12 machine from this checkout: packages, /opt/kubepy with its virtual
# environment, the units. Run as root; run again to update. It starts nothing.
#
# Not run on a machine of its own yet (deploy/README.md says what is tested).
set -eu

checkout=$(cd "$(dirname "$0")/.." && pwd)
target=/opt/kubepy
packages="containerd runc containernetworking-plugins iptables conntrack busybox-static iproute2 util-linux
procps ethtool kmod ca-certificates python3 python3-venv python3-dev gcc libc6-dev rsync"

[ "$(id -u)" = 0 ] || { echo "install.sh: run it as root" >&2; exit 1; }

missing=
for package in $packages; do
	dpkg -s "$package" 2>/dev/null | grep -q '^Status: install ok' || missing="$missing $package"
done
if [ -n "$missing" ]; then
	apt-get update -q
	# shellcheck disable=SC2086 -- a list of packages
	DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
fi

mkdir -p "$target"
if [ "$checkout" != "$target" ]; then
	rsync -a --delete --exclude .git --exclude .venv --exclude .vagrant --exclude '__pycache__' \
		"$checkout/" "$target/"
fi
[ -x "$target/.venv/bin/python" ] || python3 -m venv "$target/.venv"
"$target/.venv/bin/python" -m pip install -q --disable-pip-version-check -r "$target/requirements.lock"
"$target/.venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps -e "$target"
ln -sf "$target/.venv/bin/kubepy" /usr/local/bin/kubepy

# The proxy writes legacy rules (python-iptables does); the CNI plugins must write to the same tables.
for tool in iptables ip6tables; do
	update-alternatives --set "$tool" "/usr/sbin/$tool-legacy" >/dev/null
done
printf '%s\n' overlay br_netfilter >/etc/modules-load.d/kubepy.conf
printf '%s\n' 'net.ipv4.ip_forward = 1' 'net.bridge.bridge-nf-call-iptables = 1' >/etc/sysctl.d/60-kubepy.conf
modprobe -a overlay br_netfilter
sysctl -q -p /etc/sysctl.d/60-kubepy.conf

install -m 0644 "$target"/systemd/kubepy-*.service "$target/deploy/kubepy-image-mirror.service" \
	/etc/systemd/system/
install -D -m 0644 "$target/systemd/containerd.service.d/kubepy.conf" \
	/etc/systemd/system/containerd.service.d/kubepy.conf
# For containerd's socket, which lies where `kubepy up` puts it.
printf 'd /run/kubepy 0755 root root -\n' >/etc/tmpfiles.d/kubepy.conf
systemd-tmpfiles --create /etc/tmpfiles.d/kubepy.conf
systemctl daemon-reload
