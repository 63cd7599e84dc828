"""One machine: systemd-nspawn with systemd as PID 1, in a network namespace and cgroups of its own.

What it takes on a host without systemd, found by trying:

- ``--register=no --keep-unit``: there is no machined. A machine that reboots itself ends nspawn with 133.
- ``--capability=all`` for runc and iptables, the ``@keyring`` calls for runc's session key, ``bpf`` for the
  device controller of version 2.
- Under cgroup version 1 nspawn mounts the controllers read-only: an init of ours makes them writable, and
  ``/`` shared (for the pods' mounts), before systemd looks at them.
- containerd's store must not lie on an overlay: the machine's /var/lib/kubepy is bound from the host.
- ``nsenter`` stays in the caller's cgroups; what must be in the machine's goes through ``systemd-run``.
- Only SIGTERM to nspawn itself: it passes on SIGRTMIN+3, at which systemd halts.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
import uuid
from pathlib import Path

from integration.machines.base import run

CGROUPS = Path("/sys/fs/cgroup")
REBOOTS = 133
INIT = """#!/bin/sh
for c in /sys/fs/cgroup/*; do [ -L "$c" ] || [ ! -d "$c" ] || mount -o remount,bind,rw "$c"; done
mount --make-rshared /
exec /lib/systemd/systemd
"""
MANAGER = "[Manager]\nDefaultTimeoutStopSec=10s\n"


class Machine:
    """Made by ``create``, running after ``boot``; ``remove`` takes everything away, in whatever state it is."""

    def __init__(self, name: str, address: str, folder: Path, bridge: str, prefix: str) -> None:
        self.name = name
        self.address = address
        self.folder = folder / name
        self.root = self.folder / "root"
        self.namespace = f"{prefix}-{name}"
        self._bridge = bridge
        self._port = f"{prefix}-{name[:6]}"
        self._cgroup = f"{prefix}-{name}"
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._keeper: threading.Thread | None = None
        self._stopping = False
        self.boots = 0

    def create(self, lower: list[Path], gateway: str, binds: dict[Path, str]) -> None:
        """Its files, network and cgroups; ``binds`` are shown to it read-only."""
        for name in ("upper", "work", "root", "state"):
            (self.folder / name).mkdir(parents=True)
        lowest = ":".join(map(str, lower))
        layers = f"lowerdir={lowest},upperdir={self.folder}/upper,workdir={self.folder}/work"
        run("mount", "-t", "overlay", self.namespace, "-o", layers, str(self.root))
        self._write("etc/hostname", f"{self.name}\n")
        self._write("etc/hosts", f"127.0.0.1 localhost\n{self.address} {self.name}\n")
        self._write("etc/machine-id", uuid.uuid4().hex + "\n")
        self._write("etc/systemd/system.conf.d/lab.conf", MANAGER)
        self._write("sbin/lab-init", INIT)
        (self.root / "sbin/lab-init").chmod(0o755)
        self._binds = binds
        self._make_network(gateway)

    def boot(self) -> None:
        """Switch it on; it comes up by itself (``wait_running``)."""
        self._stopping = False
        self._spawn()
        self._keeper = threading.Thread(target=self._keep, name=self.name, daemon=True)
        self._keeper.start()

    def wait_running(self, seconds: float = 60) -> None:
        """Until systemd has started what it starts."""
        deadline = time.monotonic() + seconds
        state = ""
        while state not in ("running", "degraded"):
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.name} is {state!r} after {seconds:.0f} s\n{self.console()}")
            time.sleep(0.1)
            state = self.ask("systemctl", "is-system-running").stdout.strip()

    def power_off(self) -> None:
        """Shut it down in order."""
        self._stopping = True
        if self._nspawn is not None and self._nspawn.poll() is None:
            self._nspawn.send_signal(signal.SIGTERM)
        self._join(30)

    def reboot(self) -> None:
        """As `systemctl reboot` in it; returns when it is down and being booted again."""
        boots = self.boots
        self.ask("systemctl", "reboot")
        deadline = time.monotonic() + 60
        while self.boots == boots:
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.name} does not reboot\n{self.console()}")
            time.sleep(0.05)

    def crash(self) -> None:
        """Kill its PID 1 and with it everything, as a power cut does."""
        self._stopping = True
        leader = self._leader()
        if leader:
            os.kill(leader, signal.SIGKILL)
        self._join(30)

    def ask(self, *command: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """A quick command in the machine (in the caller's cgroups), whatever its exit code."""
        leader = self._leader()
        if not leader:
            return subprocess.CompletedProcess(command, 255, "", f"{self.name} does not run")
        entered = ["nsenter", "-t", str(leader), "-m", "-u", "-i", "-n", "-p", "-C", "--", *command]
        return subprocess.run(entered, capture_output=True, text=True, timeout=timeout)

    def run(self, *command: str, timeout: float = 240) -> subprocess.CompletedProcess[str]:
        """A command as a unit of the machine's own, whatever its exit code."""
        unit = ("systemd-run", "--quiet", "--wait", "--pipe", "--collect", "--service-type=exec")
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return self.ask(*unit, f"--setenv={path}", "--setenv=HOME=/root", *command, timeout=timeout)

    def ok(self, *command: str, timeout: float = 240) -> str:
        """As ``run``; fails with what it said."""
        done = self.run(*command, timeout=timeout)
        said = f"{done.stdout}{done.stderr}"
        assert done.returncode == 0, f"{self.name}: {' '.join(command)}: {done.returncode}\n{said}"
        return done.stdout

    def main_pid(self, unit: str) -> int:
        return int(self.ask("systemctl", "show", "-P", "MainPID", unit).stdout or 0)

    def active(self, unit: str) -> bool:
        return self.ask("systemctl", "is-active", unit).stdout.strip() == "active"

    def journal(self, unit: str, lines: int = 30) -> str:
        return self.ask("journalctl", "--no-pager", "-u", unit, "-n", str(lines)).stdout

    def console(self) -> str:
        path = self.folder / "console.log"
        return path.read_text(errors="replace")[-3000:] if path.exists() else ""

    def remove(self) -> None:
        """Take it away; what is not there is fine."""
        self.crash()
        self._kill_all()
        subprocess.run(["umount", "-l", str(self.root)], capture_output=True)
        subprocess.run(["ip", "netns", "delete", self.namespace], capture_output=True)
        subprocess.run(["ip", "link", "delete", self._port], capture_output=True)
        self._remove_cgroups()
        propagated = Path("/run/systemd/nspawn/propagate") / self.name
        if propagated.is_dir():
            propagated.rmdir()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _spawn(self) -> None:
        for directory in self._hierarchies():
            (directory / self._cgroup).mkdir(exist_ok=True)
        for name in ("cpuset.cpus", "cpuset.mems"):
            seeded = CGROUPS / "cpuset" / self._cgroup / name
            if seeded.exists():
                seeded.write_text((CGROUPS / "cpuset" / name).read_text())
        procs = " ".join(str(d / self._cgroup / "cgroup.procs") for d in self._hierarchies())
        binds = [f"--bind-ro={source}:{target}" for source, target in self._binds.items()]
        command = [
            "systemd-nspawn",
            "--quiet",
            f"--machine={self.name}",
            f"--hostname={self.name}",
            f"--directory={self.root}",
            "--register=no",
            "--keep-unit",
            "--console=pipe",
            "--kill-signal=SIGRTMIN+3",
            "--resolv-conf=off",
            "--timezone=off",
            f"--network-namespace-path=/run/netns/{self.namespace}",
            "--capability=all",
            "--system-call-filter=@keyring bpf",
            f"--bind={self.folder}/state:/var/lib/kubepy",
            *binds,
            "/sbin/lab-init",
        ]
        script = f'for p in {procs}; do echo $$ > "$p"; done; exec "$@"'
        with (self.folder / "console.log").open("ab") as console:
            self._nspawn = subprocess.Popen(
                ["sh", "-c", script, "sh", *command],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
                env=os.environ | {"SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"},
            )
        self.boots += 1

    def _keep(self) -> None:
        while self._nspawn is not None and self._nspawn.wait() == REBOOTS and not self._stopping:
            self._spawn()

    def _join(self, seconds: float) -> None:
        if self._keeper is not None:
            self._keeper.join(seconds)
            if self._keeper.is_alive() and self._nspawn is not None:
                self._nspawn.kill()
                self._keeper.join(seconds)
            self._keeper = None

    def _leader(self) -> int:
        """The machine's PID 1 as the host sees it; 0 when it does not run."""
        if self._nspawn is None or self._nspawn.poll() is not None:
            return 0
        pid = self._nspawn.pid
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except FileNotFoundError:
            return 0
        return int(children[0]) if children else 0

    def _make_network(self, gateway: str) -> None:
        run("ip", "netns", "add", self.namespace)
        run("ip", "-n", self.namespace, "link", "set", "lo", "up")
        peer = ("type", "veth", "peer", "name", "eth1", "netns", self.namespace)
        run("ip", "link", "add", self._port, *peer)
        run("ip", "link", "set", self._port, "master", self._bridge, "up")
        run("ip", "-n", self.namespace, "address", "add", f"{self.address}/24", "dev", "eth1")
        run("ip", "-n", self.namespace, "link", "set", "eth1", "up")
        run("ip", "-n", self.namespace, "route", "add", "default", "via", gateway)

    def _write(self, path: str, text: str) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.write_text(text)

    def _hierarchies(self) -> list[Path]:
        if (CGROUPS / "cgroup.controllers").exists():
            return [CGROUPS]
        return [d for d in CGROUPS.iterdir() if d.is_dir() and not d.is_symlink()]

    def _kill_all(self) -> None:
        """What is left when nspawn was killed itself: the machine's PID 1 goes on without it."""
        deadline = time.monotonic() + 15
        while (left := self._members()) and time.monotonic() < deadline:
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            time.sleep(0.1)

    def _members(self) -> set[int]:
        found: set[int] = set()
        for directory in self._hierarchies():
            for members in (directory / self._cgroup).rglob("cgroup.procs"):
                try:
                    found.update(map(int, members.read_text().split()))
                except OSError:
                    continue  # a cgroup that went away while we looked
        return found

    def _remove_cgroups(self) -> None:
        """They empty a moment after their processes' end."""
        deadline = time.monotonic() + 15
        while True:
            left = [d / self._cgroup for d in self._hierarchies() if (d / self._cgroup).exists()]
            if not left or time.monotonic() > deadline:
                return
            for top in left:
                for directory, _, _ in os.walk(top, topdown=False):
                    try:
                        os.rmdir(directory)
                    except OSError:
                        continue  # not yet
            time.sleep(0.1)
