#!/bin/sh
# Upgrades a machine to another version: masters first, then one worker after the other. Services are restarted
# one by one, each when the one before is ready; pods run on.
#
# usage: upgrade.sh [WHEELS]        as install.sh
set -eu

"$(dirname "$0")/install.sh" "$@"
for unit in kubepy-image-mirror kubepy-apiserver kubepy-scheduler kubepy-controller-manager kubepy-balancer \
	kubepy-kubelet kubepy-proxy; do
	systemctl try-restart "$unit"
done
