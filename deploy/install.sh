#!/bin/sh
# Installs kubepy on a Debian 12 machine: /opt/kubepy with its virtual environment, the units, kernel
# settings. packages.sh comes first. Run as root; run again to update; run twice it changes nothing. It starts
# and restarts nothing: `kubepy init`, `kubepy join` and upgrade.sh do.
#
# usage: install.sh [WHEELS]        a wheel set (wheels.sh) for machines without internet; without, from the index
set -eu

[ "$(id -u)" = 0 ] || { echo "install.sh: run it as root" >&2; exit 1; }
checkout=$(cd "$(dirname "$0")/.." && pwd)
wheels=${1-}
target=/opt/kubepy
python=$target/.venv/bin/python

mkdir -p "$target"
[ -x "$python" ] || python3 -m venv "$target/.venv"
if [ -n "$wheels" ]; then
	stamp=$(cd "$wheels" && sha256sum -- *.whl)
else
	stamp=$(cd "$checkout" && find kubepy pyproject.toml requirements.lock -type f ! -path '*/__pycache__/*' -print0 |
		sort -z | xargs -0 sha256sum)
fi
if [ "$stamp" != "$(cat "$target/installed" 2>/dev/null || true)" ]; then
	before=$(ls -d "$target"/.venv/lib/python*/site-packages/kubepy_k8s-*.dist-info 2>/dev/null || true)
	pip="$python -m pip install -q --disable-pip-version-check --no-cache-dir"
	if [ -n "$wheels" ]; then
		$pip --no-index --find-links "$wheels" 'kubepy-k8s[node,etcd]'
		# A wheel rebuilt under the same version is another one all the same.
		[ -z "$before" ] || $pip --no-index --no-deps --force-reinstall "$wheels"/kubepy_k8s-*.whl
	else
		# A copy: building leaves files behind, and the checkout may be read-only.
		copy=$(mktemp -d)
		trap 'rm -rf "$copy"' EXIT
		(cd "$checkout" && cp -r kubepy pyproject.toml README.md LICENSE requirements.lock "$copy")
		$pip --constraint "$copy/requirements.lock" "$copy[node,etcd]"
		[ -z "$before" ] || $pip --no-deps --force-reinstall "$copy"
	fi
	printf '%s\n' "$stamp" >"$target/installed"
fi
ln -sfn "$target/.venv/bin/kubepy" /usr/local/bin/kubepy

# The proxy writes legacy rules (python-iptables does); the CNI plugins must write to the same tables.
for tool in iptables ip6tables; do
	[ "$(readlink -f /usr/sbin/$tool)" = "$(readlink -f /usr/sbin/$tool-legacy)" ] ||
		update-alternatives --set "$tool" "/usr/sbin/$tool-legacy" >/dev/null
done

# put SOURCE TARGET: copied when different, so that nothing looks changed that is not.
changed=
put() {
	cmp -s "$1" "$2" || { install -D -m 0644 "$1" "$2"; changed=yes; }
}
settings=$(mktemp)
printf '%s\n' overlay br_netfilter >"$settings"
put "$settings" /etc/modules-load.d/kubepy.conf
printf '%s\n' 'net.ipv4.ip_forward = 1' 'net.bridge.bridge-nf-call-iptables = 1' >"$settings"
put "$settings" /etc/sysctl.d/60-kubepy.conf
# For containerd's socket, which lies where `kubepy up` puts it.
printf 'd /run/kubepy 0755 root root -\n' >"$settings"
put "$settings" /etc/tmpfiles.d/kubepy.conf
rm -f "$settings"
grep -qw overlay /proc/filesystems || modprobe overlay
[ -d /proc/sys/net/bridge ] || modprobe br_netfilter
sysctl -q -p /etc/sysctl.d/60-kubepy.conf
systemd-tmpfiles --create /etc/tmpfiles.d/kubepy.conf
for unit in "$checkout"/systemd/*.service "$checkout"/systemd/*.timer "$checkout"/systemd/*.service.d/*.conf; do
	[ ! -e "$unit" ] || put "$unit" "/etc/systemd/system/${unit#"$checkout"/systemd/}"
done
[ -z "$changed" ] || systemctl daemon-reload
