"""The units of a machine: enabled, started, and started anew when what they read has changed."""

from __future__ import annotations

import importlib.metadata
import subprocess
from pathlib import Path

from kubepy.bootstrap.errors import BootstrapError
from kubepy.bootstrap.settings import MasterSettings, WorkerSettings
from kubepy.cluster.paths import Paths
from kubepy.util.clock import Clock

CONTAINERD, ETCD, BALANCER = "containerd", "kubepy-etcd", "kubepy-balancer"
_NODE = ("kubepy-kubelet", "kubepy-proxy")
CONTROL_PLANE = ("kubepy-apiserver", "kubepy-scheduler", "kubepy-controller-manager")
EVERY = ("kubepy-image-mirror", CONTAINERD, ETCD, *CONTROL_PLANE, BALANCER, *_NODE)
"""All units that a machine may have, in the order in which they are started."""
RENEWAL = "kubepy-certs.timer"
UNIT_FOLDER = Path("/etc/systemd/system")
WITHIN = 300.0
DISTRIBUTION = "kubepy-k8s"


def units_of(role: MasterSettings | WorkerSettings) -> tuple[str, ...]:
    """Those of a machine with this role, in the order in which they are started."""
    absent: set[str] = set()
    if isinstance(role, WorkerSettings):
        absent = {"kubepy-image-mirror", ETCD, *CONTROL_PLANE}
    if not role.cluster.on_etcd:
        absent |= {ETCD, BALANCER}
    return tuple(unit for unit in EVERY if unit not in absent)


def before_clients(role: MasterSettings) -> tuple[str, ...]:
    """Of a master's units those up to the API server: the others wait for it."""
    found = units_of(role)
    return found[: found.index("kubepy-apiserver") + 1]


def systemctl(*arguments: str) -> str:
    """What systemctl says. Raises BootstrapError when it fails, or has not ended within WITHIN."""
    try:
        done = subprocess.run(["systemctl", *arguments], capture_output=True, text=True, timeout=WITHIN)
    except subprocess.TimeoutExpired as error:
        raise BootstrapError(
            f"systemctl {' '.join(arguments)} has not ended after {WITHIN:.0f} s: journalctl -u "
            f"{arguments[-1]} tells why (etcd waits until most of its members run)"
        ) from error
    if done.returncode:
        raise BootstrapError(f"systemctl {' '.join(arguments)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout.strip()


def require_units(wanted: tuple[str, ...]) -> None:
    """They are installed. Raises BootstrapError."""
    absent = [u for u in wanted if u.startswith("kubepy-") and not (UNIT_FOLDER / f"{u}.service").exists()]
    if absent:
        raise BootstrapError(
            f"units are missing on this machine ({', '.join(absent)}): run deploy/install.sh of the checkout "
            "first"
        )


def link(paths: Paths, node_name: str) -> None:
    """/etc/kubepy/COMPONENT.yaml and containerd.toml, as the units know them."""
    folder = paths.machine_etc(node_name)
    targets = {path.name: path for path in folder.glob("*.yaml")}
    targets["containerd.toml"] = folder / "containerd/config.toml"
    for name, target in targets.items():
        symlink, wanted = paths.etc / name, target.relative_to(paths.etc)
        if not symlink.is_symlink() or symlink.readlink() != wanted:
            symlink.unlink(missing_ok=True)
            symlink.symlink_to(wanted)


def start(paths: Paths, units: tuple[str, ...], clock: Clock, *, block: bool = True) -> list[str]:
    """Enable ``units``; (re)start those that do not run, or run on older files. Returns those (re)started."""
    enabled = systemctl_states("is-enabled", units)
    missing = [unit for unit in units if enabled[unit] != "enabled"]
    if missing:
        systemctl("enable", "--quiet", *missing)
    started = []
    for unit in units:
        if _is_current(paths, unit, clock):
            continue
        if systemctl_states("is-failed", (unit,))[unit] == "failed":
            systemctl("reset-failed", unit)
        systemctl("restart", *(() if block else ("--no-block",)), unit)
        started.append(unit)
    return started


async def wait_active(units: tuple[str, ...], clock: Clock, within: float = 120.0) -> None:
    """Until all of them run. Raises BootstrapError naming those that do not."""
    deadline = clock.monotonic() + within
    while True:
        states = systemctl_states("is-active", units)
        absent = [unit for unit in units if states[unit] != "active"]
        if not absent:
            return
        if clock.monotonic() > deadline:
            raise BootstrapError(
                f"not running after {within:.0f} s: {', '.join(absent)}; journalctl -u {absent[0]} tells why"
            )
        await clock.sleep(0.5)


def keep_renewing() -> None:
    """Have certificates looked at every day."""
    if systemctl_states("is-active", (RENEWAL,))[RENEWAL] != "active":
        systemctl("enable", "--quiet", "--now", RENEWAL)


def systemctl_states(question: str, units: tuple[str, ...]) -> dict[str, str]:
    """`systemctl is-enabled|is-active|is-failed` of each."""
    found = {}
    for unit in units:
        done = subprocess.run(["systemctl", question, unit], capture_output=True, text=True)
        found[unit] = done.stdout.strip()
    return found


def stop(units: tuple[str, ...]) -> None:
    """Stop and disable those that are there, the last first; no certificate is renewed any more."""
    for unit in (RENEWAL, *reversed(units)):
        if systemctl_states("is-enabled", (unit,))[unit] == "not-found":
            continue
        subprocess.run(["systemctl", "disable", "--quiet", "--now", unit], capture_output=True, text=True)


def inputs(paths: Paths, unit: str) -> list[Path]:
    """The files that a unit's process reads: its configuration, what that names, and the program."""
    if unit == CONTAINERD:
        # registry hosts are read at each pull
        return [path for path in (paths.etc / "containerd.toml",) if path.exists()]
    configuration = paths.etc / f"{unit.removeprefix('kubepy-')}.yaml"
    if unit == ETCD:
        # it reads its certificates at each connection, and is no program of ours
        return [path for path in (configuration, UNIT_FOLDER / f"{unit}.service") if path.exists()]
    named = []
    for word in configuration.read_text().replace("- ", " ").split():
        path = Path(word.strip("\"'"))
        if path.is_absolute() and path.is_file() and paths.etc in path.parents:
            named.append(path)
    unit_file = UNIT_FOLDER / f"{unit}.service"
    return [configuration, *named, *_program(), *([unit_file] if unit_file.exists() else [])]


def _program() -> list[Path]:
    files = importlib.metadata.files(DISTRIBUTION) or ()
    records = (Path(str(file.locate())) for file in files if file.name == "RECORD")
    return [record for record in records if record.is_file()]


def _is_current(paths: Paths, unit: str, clock: Clock) -> bool:
    shown = systemctl("show", "--property=ActiveState,ExecMainStartTimestampMonotonic", unit)
    values = dict(line.split("=", 1) for line in shown.splitlines())
    if values["ActiveState"] != "active":
        return False
    started = clock.time() - (clock.monotonic() - int(values["ExecMainStartTimestampMonotonic"]) / 1e6)
    return all(path.stat().st_mtime < started for path in inputs(paths, unit))
