"""Builds the images when what they are made of has changed."""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

import orjson

import kubepy
from kubepy.cluster.images import recipes
from kubepy.cluster.images.oci import ImageLayout
from kubepy.cluster.paths import write_file


def ensure(directory: Path) -> list[str]:
    """Build what is missing or outdated below ``directory``; returns the references that changed."""
    directory.mkdir(parents=True, exist_ok=True)
    stamp, wanted = directory / "fingerprint", fingerprint()
    layout = ImageLayout(directory)
    if stamp.is_file() and stamp.read_text() == wanted and recipes.KUBEPY in layout.references():
        return []
    changed = recipes.build_all(layout)
    write_file(stamp, wanted)
    return changed


def fingerprint() -> str:
    """Changes when the program, its dependencies, its interpreter or busybox change."""
    package = Path(kubepy.__file__).parent
    digest = hashlib.sha256(f"{sys.version} {sys.executable}".encode())
    paths = [p for p in sorted(package.rglob("*")) if "__pycache__" not in p.parts and p.is_file()]
    libraries = Path(orjson.__file__).parent.parent
    paths += sorted(libraries.glob("*.dist-info"))
    found = shutil.which("busybox")
    if found:
        paths.append(Path(found).resolve())
    for path in paths:
        status = path.stat()
        digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
