"""What machines are made of, cached outside the checkout: a Debian root file system and wheel sets."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("KUBEPY_MACHINES_CACHE", "/var/cache/kubepy-machines"))
SUITE = "bookworm"
# What an ordinary virtual machine's image carries besides deploy/packages.sh.
SYSTEM = ("systemd", "systemd-sysv", "dbus", "udev", "ifupdown", "openssh-server", "sudo", "curl")
FORMAT = "1"


def mirror() -> str:
    """The package mirror that this machine's apt uses."""
    for path in sorted(Path("/etc/apt").glob("sources.list.d/*.sources")):
        found = re.search(r"^URIs:\s*(\S+/debian/?)\s", path.read_text(), re.MULTILINE)
        if found:
            return found[1]
    for path in (Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*.list")):
        found = re.search(r"^deb\s+(?:\[.*?\]\s+)?(\S+/debian/?)\s", path.read_text(), re.MULTILINE)
        if found:
            return found[1]
    return "http://deb.debian.org/debian"


def root() -> Path:
    """The root file system; made the first time, and when its packages change."""
    listed = run(str(CHECKOUT / "deploy/packages.sh"), "--etcd", "--list").split()
    packages = sorted({*SYSTEM, *listed})
    target = CACHE / f"base-{_digest(FORMAT, SUITE, *packages)}"
    with _locked():
        if not target.exists():
            # A folder of its own: a debootstrap whose parent was killed may be at work still.
            draft = Path(tempfile.mkdtemp(prefix="base.draft-", dir=CACHE))
            draft.chmod(0o755)
            include = f"--include={','.join(packages)}"
            run("debootstrap", "--variant=minbase", include, SUITE, str(draft), mirror())
            _trim(draft)
            draft.rename(target)
            _remove_others(target, "base-*")
    return target


def layers() -> list[Path]:
    """For an overlay, the uppermost first: kubepy's dependencies, as a box would carry them, and ``root``.

    Only kubepy itself is installed in each run.
    """
    lowest, carried = root(), dependencies()
    target = CACHE / f"layer-{_digest(lowest.name, carried.name)}"
    with _locked():
        if not target.exists():
            scratch = Path(tempfile.mkdtemp(prefix="layer.draft-", dir=CACHE))
            for name in ("upper", "work", "root"):
                (scratch / name).mkdir()
            mounted = scratch / "root"
            options = f"lowerdir={lowest},upperdir={scratch}/upper,workdir={scratch}/work"
            run("mount", "-t", "overlay", "kubepy-layer", "-o", options, str(mounted))
            try:
                _install_dependencies(mounted, carried)
            finally:
                run("umount", str(mounted))
            (scratch / "upper").rename(target)
            shutil.rmtree(scratch)
            _remove_others(target, "layer-*")
    return [target, lowest]


def dependencies() -> Path:
    """A wheel set of what kubepy needs, made when the locked versions change."""
    lock = (CHECKOUT / "requirements.lock").read_text() + (CHECKOUT / "pyproject.toml").read_text()
    target = CACHE / f"wheels-{_digest(lock)}"
    with _locked():
        if not target.exists():
            draft = CACHE / "wheels.draft"
            shutil.rmtree(draft, ignore_errors=True)
            make_wheels(CHECKOUT, draft)
            for own in draft.glob("kubepy_k8s-*.whl"):
                own.unlink()
            draft.rename(target)
            _remove_others(target, "wheels-*")
    return target


def wheels(target: Path) -> Path:
    """A whole wheel set of this checkout, in ``target``."""
    shutil.copytree(dependencies(), target)
    make_wheels(CHECKOUT, target, own_only=True)
    return target


def make_wheels(checkout: Path, target: Path, *, own_only: bool = False) -> None:
    """deploy/wheels.sh, with this interpreter, on a copy: a build leaves files behind."""
    copy = target.with_name(f"{target.name}.source")
    shutil.rmtree(copy, ignore_errors=True)
    left_out = shutil.ignore_patterns("__pycache__", "tests", "integration", ".*")
    shutil.copytree(checkout, copy, ignore=left_out, symlinks=True)
    flags = ["--own"] if own_only else []
    try:
        run(str(copy / "deploy/wheels.sh"), *flags, str(target), environment={"PYTHON": sys.executable})
    finally:
        shutil.rmtree(copy)


def rebuilt(target: Path, version: str) -> Path:
    """The same as the wheel set beside it, with kubepy rebuilt as ``version``."""
    source = target.with_name("checkout")
    shutil.copytree(
        CHECKOUT, source, ignore=shutil.ignore_patterns("__pycache__", "tests", "integration", ".*")
    )
    package = source / "kubepy/__init__.py"
    text = re.sub(r'__version__ = "[^"]+"', f'__version__ = "{version}"', package.read_text())
    package.write_text(text)
    make_wheels(source, target, own_only=True)
    return target


def run(*command: str, environment: dict[str, str] | None = None, timeout: float = 900) -> str:
    """A command's output; fails with what it said."""
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=timeout, env=os.environ | (environment or {})
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def _trim(draft: Path) -> None:
    for archive in (draft / "var/cache/apt/archives").glob("*.deb"):
        archive.unlink()
    for name in ("etc/machine-id", "etc/resolv.conf", "etc/hostname"):
        (draft / name).unlink(missing_ok=True)
    # as deploy/packages.sh does where it installs etcd
    run("systemctl", f"--root={draft}", "disable", "etcd.service")
    # No machine has a name server: what the cluster's DNS does not know does not exist.
    (draft / "etc/resolv.conf").touch()


def _install_dependencies(mounted: Path, carried: Path) -> None:
    inside = mounted / "wheels"
    shutil.copytree(carried, inside)
    run("chroot", str(mounted), "python3", "-m", "venv", "/opt/kubepy/.venv")
    pip = ("/opt/kubepy/.venv/bin/python", "-m", "pip", "install", "-q", "--no-index", "--no-deps")
    run("chroot", str(mounted), *pip, *(f"/wheels/{wheel.name}" for wheel in sorted(inside.glob("*.whl"))))
    shutil.rmtree(inside)


def _remove_others(kept: Path, pattern: str) -> None:
    for other in CACHE.glob(pattern):
        if other != kept:
            shutil.rmtree(other)


def _digest(*parts: str) -> str:
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:12]


@contextmanager
def _locked() -> Iterator[None]:
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
