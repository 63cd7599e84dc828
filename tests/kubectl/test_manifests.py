"""Reading manifests."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubepy.kubectl import last_applied, manifests
from kubepy.kubectl.failures import CommandError


def test_yaml_is_read_as_go_reads_it() -> None:
    (read,) = manifests.parse("a: 2026-11-21\nb: 1:20\nc: 010\nd: on\ne: y\nf: 1e3\ng: 0x10\nh: ~", "test")
    assert read == {
        "a": "2026-11-21",
        "b": "1:20",
        "c": 8,
        "d": True,
        "e": True,
        "f": 1000.0,
        "g": 16,
        "h": None,
    }


def test_documents_and_lists_are_taken_apart() -> None:
    text = "---\n---\nkind: A\n---\nkind: List\napiVersion: v1\nitems:\n- kind: B\n- {kind: List, items: [{kind: C}]}\n"
    assert [obj["kind"] for obj in manifests.parse(text, "test")] == ["A", "B", "C"]


def test_folders_are_read_by_name_and_deeper_only_when_asked(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("b.yaml", "a.json", "c.txt", "sub/d.yml"):
        (tmp_path / name).write_text('{"apiVersion": "v1", "kind": "K"}')
    flat = [Path(found.source).name for found in manifests.read([str(tmp_path)])]
    deep = [Path(found.source).name for found in manifests.read([str(tmp_path)], recursive=True)]
    assert (flat, deep) == (["a.json", "b.yaml"], ["a.json", "b.yaml", "d.yml"])


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match='the path "/does/not/exist" does not exist'):
        manifests.read(["/does/not/exist"])
    file = tmp_path / "x.yaml"
    file.write_text("kind: A")
    with pytest.raises(CommandError, match="apiVersion not set"):
        manifests.read([str(file)])


def test_the_annotation_holds_the_object_without_itself() -> None:
    obj = {"kind": "A", "metadata": {"name": "x", "annotations": {last_applied.ANNOTATION: "old", "k": "v"}}}
    annotated = last_applied.annotated(obj)
    assert annotated["metadata"]["annotations"][last_applied.ANNOTATION] == (
        '{"kind":"A","metadata":{"annotations":{"k":"v"},"name":"x"}}\n'
    )
    assert last_applied.read(annotated) == {"kind": "A", "metadata": {"annotations": {"k": "v"}, "name": "x"}}
    assert obj["metadata"]["annotations"][last_applied.ANNOTATION] == "old"  # type: ignore[index]
