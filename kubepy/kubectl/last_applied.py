"""The annotation in which `kubectl apply` keeps the configuration that was applied last."""

from __future__ import annotations

import json
from typing import cast

from kubepy.kubectl.failures import CommandError
from kubepy.kubectl.printers.json import compact
from kubepy.machinery import meta
from kubepy.machinery.meta import Obj

ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"


def annotated(obj: Obj) -> Obj:
    """The object with itself (without the annotation) written into the annotation."""
    plain = without(obj)
    annotations = meta.annotations(plain) | {ANNOTATION: compact(plain) + "\n"}
    return plain | {"metadata": plain["metadata"] | {"annotations": annotations}}


def without(obj: Obj) -> Obj:
    annotations = {key: value for key, value in meta.annotations(obj).items() if key != ANNOTATION}
    return obj | {"metadata": (obj.get("metadata") or {}) | {"annotations": annotations}}


def read(obj: Obj) -> Obj | None:
    """What was applied last; None when the object does not say."""
    text = meta.annotations(obj).get(ANNOTATION)
    if not text:
        return None
    try:
        return cast(Obj, json.loads(text))
    except ValueError as error:
        raise CommandError(f"the annotation {ANNOTATION} cannot be read: {error}") from None
