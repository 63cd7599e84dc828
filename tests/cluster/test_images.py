"""Image layouts: deterministic, complete, and served as a registry serves them."""

import hashlib
import json
import tarfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from kubepy.cluster.images.mirror import ImageMirror
from kubepy.cluster.images.oci import MANIFEST, Entry, Image, ImageLayout

REFERENCE = "docker.io/library/tool:1"


def image(content: bytes = b"hello") -> Image:
    entries = (
        Entry("bin/tool", content=content),
        Entry("bin/link", link="/bin/tool"),
        Entry("tmp", mode=0o1777),
    )
    return Image((REFERENCE,), (entries,), entrypoint=("/bin/tool",))


def manifest_of(layout: ImageLayout) -> Any:
    return json.loads(layout.blob(layout.references()[REFERENCE]["digest"]).read_bytes())


def test_same_files_same_digest(tmp_path: Path) -> None:
    first = ImageLayout(tmp_path / "a").add(image())
    assert first == ImageLayout(tmp_path / "b").add(image())
    assert first != ImageLayout(tmp_path / "c").add(image(b"other"))


def test_blobs_are_named_by_what_they_hold(tmp_path: Path) -> None:
    layout = ImageLayout(tmp_path)
    layout.add(image())
    blobs = list((tmp_path / "blobs/sha256").iterdir())
    assert len(blobs) == 3
    assert all(hashlib.sha256(b.read_bytes()).hexdigest() == b.name for b in blobs)


def test_layer_holds_files_links_and_modes(tmp_path: Path) -> None:
    layout = ImageLayout(tmp_path)
    layout.add(image())
    (layer,) = manifest_of(layout)["layers"]
    with tarfile.open(layout.blob(layer["digest"])) as archive:
        assert archive.getmember("bin/link").linkname == "/bin/tool"
        assert archive.getmember("tmp").mode == 0o1777
        extracted = archive.extractfile("bin/tool")
        assert extracted is not None
        assert extracted.read() == b"hello"


def test_prune_drops_what_no_reference_needs(tmp_path: Path) -> None:
    layout = ImageLayout(tmp_path)
    layout.add(image())
    layout.add(image(b"newer"))
    layout.prune()
    manifest = manifest_of(layout)
    needed = {
        manifest["config"]["digest"],
        manifest["layers"][0]["digest"],
        layout.references()[REFERENCE]["digest"],
    }
    assert {f"sha256:{b.name}" for b in (tmp_path / "blobs/sha256").iterdir()} == needed


def get(url: str) -> Any:
    return urllib.request.urlopen(url, timeout=5)


def test_mirror_serves_manifests_by_tag_and_blobs_by_digest(tmp_path: Path) -> None:
    layout = ImageLayout(tmp_path)
    digest = layout.add(image())
    mirror = ImageMirror(layout)
    mirror.start()
    try:
        base = f"http://127.0.0.1:{mirror.port}/v2"
        with get(f"{base}/library/tool/manifests/1?ns=docker.io") as answer:
            assert answer.headers["Content-Type"] == MANIFEST
            assert answer.headers["Docker-Content-Digest"] == digest
            manifest = json.load(answer)
        layer = manifest["layers"][0]["digest"]
        with get(f"{base}/library/tool/blobs/{layer}?ns=docker.io") as answer:
            assert hashlib.sha256(answer.read()).hexdigest() == layer.removeprefix("sha256:")
        for unknown in ("library/nothing/manifests/1", "library/tool/blobs/sha256:00", "../index.json"):
            with pytest.raises(urllib.error.HTTPError, match="404") as caught:
                get(f"{base}/{unknown}")
            caught.value.close()
    finally:
        mirror.stop()
