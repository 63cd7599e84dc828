"""Writing an OCI image layout (https://github.com/opencontainers/image-spec, v1.1).

Deterministic: the same files give the same digests, so a node that has an image keeps it.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
INDEX = "application/vnd.oci.image.index.v1+json"

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Entry:
    """One path of a layer: a folder, a file (``source`` on disk or ``content``), or a link."""

    path: str
    source: Path | None = None
    content: bytes | None = None
    link: str | None = None
    mode: int = 0o755


@dataclass(frozen=True)
class Image:
    """What ``ImageLayout.add`` needs: names, layers of entries, and how to run it."""

    references: tuple[str, ...]
    layers: tuple[tuple[Entry, ...], ...]
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: tuple[str, ...] = ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",)
    working_directory: str = "/"
    user: str = ""
    labels: dict[str, str] = field(default_factory=dict)


class ImageLayout:
    """An OCI image layout in a folder. References are full names (docker.io/library/busybox:latest)."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._blobs = directory / "blobs/sha256"

    def references(self) -> dict[str, dict[str, Any]]:
        """Reference -> descriptor of its manifest."""
        index = self.directory / "index.json"
        if not index.is_file():
            return {}
        manifests = json.loads(index.read_bytes())["manifests"]
        return {m["annotations"]["io.containerd.image.name"]: m for m in manifests}

    def blob(self, digest: str) -> Path:
        """The file of ``digest`` ("sha256:...")."""
        return self._blobs / digest.removeprefix("sha256:")

    def add(self, image: Image, machine: str | None = None) -> str:
        """Write ``image`` and point its references at it; returns the manifest's digest."""
        layers = [self._add_layer(entries) for entries in image.layers]
        architecture = machine or os.uname().machine
        config = {
            "architecture": ARCHITECTURES.get(architecture, architecture),
            "os": "linux",
            "config": {
                "Env": list(image.environment),
                "Entrypoint": list(image.entrypoint),
                "Cmd": list(image.command),
                "WorkingDir": image.working_directory,
                "User": image.user,
                "Labels": image.labels,
            },
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self._add_json(config, CONFIG),
            "layers": layers,
        }
        descriptor = self._add_json(manifest, MANIFEST)
        self._point(image.references, descriptor)
        return str(descriptor["digest"])

    def prune(self) -> None:
        """Delete the blobs that no reference needs."""
        needed = set()
        for descriptor in self.references().values():
            manifest = json.loads(self.blob(descriptor["digest"]).read_bytes())
            needed |= {d["digest"] for d in (descriptor, manifest["config"], *manifest["layers"])}
        for path in self._blobs.iterdir():
            if f"sha256:{path.name}" not in needed:
                path.unlink()

    def _add_layer(self, entries: Iterable[Entry]) -> dict[str, Any]:
        self._blobs.mkdir(parents=True, exist_ok=True)
        draft = self._blobs / f".layer.{os.getpid()}"
        with draft.open("wb") as raw:
            hashing = _HashingWriter(raw)
            with tarfile.open(fileobj=hashing, mode="w|", format=tarfile.GNU_FORMAT) as archive:
                for entry in sorted(entries, key=lambda e: e.path):
                    _add_entry(archive, entry)
        digest = hashing.digest.hexdigest()
        draft.rename(self._blobs / digest)
        return {"mediaType": LAYER, "digest": f"sha256:{digest}", "size": hashing.size}

    def _add_json(self, document: dict[str, Any], media_type: str) -> dict[str, Any]:
        data = json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
        digest = hashlib.sha256(data).hexdigest()
        self._blobs.mkdir(parents=True, exist_ok=True)
        (self._blobs / digest).write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    def _point(self, references: tuple[str, ...], descriptor: dict[str, Any]) -> None:
        known = self.references()
        for reference in references:
            tag = reference.rpartition(":")[2]
            names = {"io.containerd.image.name": reference, "org.opencontainers.image.ref.name": tag}
            known[reference] = {**descriptor, "annotations": names}
        index = {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [known[reference] for reference in sorted(known)],
        }
        (self.directory / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        draft = self.directory / f".index.{os.getpid()}"
        draft.write_text(json.dumps(index, indent=1))
        draft.rename(self.directory / "index.json")


class _HashingWriter(io.RawIOBase):
    """Passes bytes on and keeps their digest and count."""

    def __init__(self, target: io.BufferedWriter) -> None:
        self._target = target
        self.digest = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.digest.update(data)
        self.size += len(data)
        return self._target.write(data)


def _add_entry(archive: tarfile.TarFile, entry: Entry) -> None:
    info = tarfile.TarInfo(entry.path.lstrip("/"))
    info.mode = entry.mode
    if entry.link is not None:
        info.type, info.linkname = tarfile.SYMTYPE, entry.link
        archive.addfile(info)
    elif entry.content is not None:
        info.size = len(entry.content)
        archive.addfile(info, io.BytesIO(entry.content))
    elif entry.source is not None:
        with entry.source.open("rb") as file:
            status = os.fstat(file.fileno())
            info.size, info.mode = status.st_size, stat.S_IMODE(status.st_mode)
            archive.addfile(info, file)
    else:
        info.type = tarfile.DIRTYPE
        archive.addfile(info)
