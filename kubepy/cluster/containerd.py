"""containerd's configuration for one machine: its own root, state and socket; many run on one host."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from kubepy.cluster.images.recipes import PAUSE
from kubepy.cluster.paths import Paths, write_file

LEGACY = "xtables-legacy-multi"
LEGACY_TOOLS = (
    "iptables",
    "iptables-save",
    "iptables-restore",
    "ip6tables",
    "ip6tables-save",
    "ip6tables-restore",
)
CNI_PLUGIN_DIRECTORIES = (Path("/opt/cni/bin"), Path("/usr/lib/cni"))
MIRRORED = ("docker.io", "localhost")
SLOW_SNAPSHOTTERS = ("aufs", "btrfs", "devmapper", "zfs")


def socket_path(paths: Paths, machine: str) -> Path:
    return paths.machine_run(machine) / "containerd.sock"


def cni_directory(paths: Paths, machine: str) -> Path:
    return paths.machine_etc(machine) / "cni"


def write_configuration(paths: Paths, machine: str, mirror: str) -> Path:
    """Write config.toml and the registry hosts; returns the path of config.toml.

    ``mirror`` says where the cluster's own images are: `local_mirror`, or `remote_mirror`.
    """
    folder = paths.machine_etc(machine) / "containerd"
    for registry in MIRRORED:
        write_file(folder / "certs.d" / registry / "hosts.toml", mirror)
    config = folder / "config.toml"
    write_file(config, _config(paths, machine, folder / "certs.d"))
    return config


def search_path(paths: Paths) -> str:
    """PATH for containerd: the CNI plugins it starts must write the same (legacy) rules as the proxy."""
    tools = paths.run / "bin"
    legacy = shutil.which(LEGACY, path="/usr/sbin:/sbin:/usr/bin")
    default = os.environ.get("PATH", os.defpath)
    if legacy is None:
        return default
    tools.mkdir(parents=True, exist_ok=True)
    for name in LEGACY_TOOLS:
        link = tools / name
        if not link.is_symlink():
            link.symlink_to(legacy)
    return f"{tools}:{default}"


def may_raise_priority() -> bool:
    """Whether this process may lower a container's oom_score_adj (CAP_SYS_RESOURCE)."""
    effective = next(
        line.split()[1]
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("CapEff")
    )
    return bool(int(effective, 16) & (1 << 24))


def _config(paths: Paths, machine: str, hosts: Path) -> str:
    plugins = next((str(d) for d in CNI_PLUGIN_DIRECTORIES if (d / "bridge").exists()), "/opt/cni/bin")
    disabled = [f"io.containerd.snapshotter.v1.{name}" for name in SLOW_SNAPSHOTTERS]
    disabled += ["io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp"]
    return f"""\
version = 2
root = "{paths.machine_var(machine)}/containerd"
state = "{paths.machine_run(machine)}/containerd"
disabled_plugins = {disabled}

[grpc]
  address = "{socket_path(paths, machine)}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = {str(not may_raise_priority()).lower()}
  disable_apparmor = {str(not Path("/sys/kernel/security/apparmor").exists()).lower()}
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{cni_directory(paths, machine)}"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{hosts}"
"""


def local_mirror(port: int) -> str:
    """hosts.toml for a mirror on this machine."""
    return f'[host."http://127.0.0.1:{port}"]\n  capabilities = ["pull", "resolve"]\n'


def remote_mirror(address: str, port: int, ca: Path) -> str:
    """hosts.toml for a mirror on another machine, with a certificate of the cluster's authority."""
    return f'[host."https://{address}:{port}"]\n  capabilities = ["pull", "resolve"]\n  ca = "{ca}"\n'
