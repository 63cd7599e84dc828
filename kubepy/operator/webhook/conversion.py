"""Conversion between the versions of a custom resource. No I/O."""

from collections import deque
from collections.abc import Callable
from typing import Any

import orjson

from kubepy.machinery import meta
from kubepy.machinery.gvk import parse_api_version
from kubepy.machinery.meta import Obj
from kubepy.util.logging import get_logger

log = get_logger(__name__)

#: Gives the object in the other version; may change the one it is given. apiVersion is set for it.
Step = Callable[[Obj], Obj]


class ConversionFailed(ValueError):
    """There is no way between two versions, or a step refused the object."""


class Conversion:
    """Steps between versions; a conversion takes the shortest way over them.

        conversion = Conversion()

        @conversion.step("v1", "v2")
        def _(obj: Obj) -> Obj: ...

    A round trip must not lose anything: what the other version cannot hold belongs in an annotation. Only
    labels and annotations of the metadata may change; the rest is put back as it was, as the server demands.
    """

    def __init__(self) -> None:
        self._steps: dict[str, dict[str, Step]] = {}

    def step(self, source: str, target: str) -> Callable[[Step], Step]:
        """A decorator: this function leads from one version to another."""

        def register(function: Step) -> Step:
            self._steps.setdefault(source, {})[target] = function
            return function

        return register

    def convert(self, obj: Obj, target: str) -> Obj:
        """A copy of the object in that version. Raises ConversionFailed."""
        group, version = parse_api_version(obj.get("apiVersion") or "")
        converted = meta.deep_copy(obj)
        for following in self._way(version, target):
            step = self._steps[version][following]
            try:
                converted = step(converted)
            except (ValueError, KeyError, TypeError) as error:
                problem = f"{type(error).__name__}: {error}"
                raise ConversionFailed(f"{meta.key(obj)}: {version} to {following}: {problem}") from error
            converted["apiVersion"] = f"{group}/{following}"
            version = following
        kept = dict(obj.get("metadata") or {})
        changed = converted.get("metadata") or {}
        for field in ("labels", "annotations"):
            kept.pop(field, None)
            if changed.get(field):
                kept[field] = changed[field]
        converted["metadata"] = kept
        return converted

    def _way(self, source: str, target: str) -> list[str]:
        ways: dict[str, list[str]] = {source: []}
        waiting = deque([source])
        while waiting and target not in ways:
            here = waiting.popleft()
            for following in self._steps.get(here, ()):
                if following not in ways:
                    ways[following] = [*ways[here], following]
                    waiting.append(following)
        if target not in ways:
            raise ConversionFailed(f"no conversion from {source} to {target}")
        return ways[target]


def review(body: bytes, conversion: Conversion) -> bytes:
    """The answer to a ConversionReview (v1): all objects, or a failure. ValueError for other bodies."""
    try:
        sent = orjson.loads(body)
        request = sent["request"]
        target = parse_api_version(request["desiredAPIVersion"])[1]
        objects = request["objects"]
        response: dict[str, Any] = {"uid": request["uid"]}
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a ConversionReview: {error}") from error
    try:
        response["convertedObjects"] = [conversion.convert(obj, target) for obj in objects]
        response["result"] = {"status": "Success"}
    except ConversionFailed as error:
        response["convertedObjects"] = []
        response["result"] = {"status": "Failure", "message": str(error)}
    except Exception as error:
        log.exception("conversion failed", target=target)
        response["convertedObjects"] = []
        response["result"] = {"status": "Failure", "message": f"conversion failed: {type(error).__name__}"}
    return orjson.dumps({"apiVersion": sent["apiVersion"], "kind": "ConversionReview", "response": response})
