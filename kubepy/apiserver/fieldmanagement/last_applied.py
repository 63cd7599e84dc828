"""Taking over from client-side apply: kubectl's annotation says what its user has applied so far."""

from __future__ import annotations

from typing import Any

import orjson

from kubepy.machinery import meta
from kubepy.machinery.apply import fields as sets
from kubepy.machinery.apply import updating
from kubepy.machinery.apply.fields import Fields
from kubepy.machinery.apply.types import Type
from kubepy.machinery.meta import Obj

ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"
MANAGER = "kubectl"
_MAX_ANNOTATIONS = 256 * 1024


def configuration(obj: Obj) -> str:
    """The annotation's text, "" when there is none."""
    text = meta.annotations(obj).get(ANNOTATION)
    return text if isinstance(text, str) else ""


def applied_fields(type_: Type, live: Obj, api_version: str) -> Fields:
    """The fields that client-side apply has written and that nobody has changed since; {} when unknown."""
    try:
        last: Any = orjson.loads(configuration(live) or b"null")
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(last, dict) or last.get("apiVersion") != api_version:
        return {}
    changed = updating.compare(type_, last, live)
    found = type_.fields(last) or {}
    for differing in changed:
        found = sets.difference(found, differing)
    return found


def synchronise(obj: Obj, config: Obj) -> None:
    """Keep the annotation in step with what kubectl applies on the server, in `obj`, where it is in use."""
    if not configuration(obj):
        return
    annotations = {key: value for key, value in meta.annotations(config).items() if key != ANNOTATION}
    metadata = {**config["metadata"]}
    if "annotations" in metadata:
        metadata["annotations"] = annotations
    text = orjson.dumps({**config, "metadata": metadata}, option=orjson.OPT_SORT_KEYS).decode() + "\n"
    written = {**meta.annotations(obj), ANNOTATION: text}
    if sum(len(key.encode()) + len(value.encode()) for key, value in written.items()) > _MAX_ANNOTATIONS:
        del written[ANNOTATION]
    obj["metadata"] = {**obj["metadata"], "annotations": written}
