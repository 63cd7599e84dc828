"""Waiting for an object to become what a test expects, and saying what was seen when it does not."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import yaml

from kubepy.apiserver.cacher import keys
from kubepy.apiserver.served import Served
from kubepy.machinery import conditions, meta
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.util.clock import SystemClock

if TYPE_CHECKING:
    from kubepy.testing.control_plane import ControlPlane

Predicate = Callable[[Obj], object]
_POLL = 0.004
_CHANGES = 2
_EVENTS = "/registry/events/"


class NotSeen(AssertionError):
    """What was waited for did not come; str() tells what there was instead."""


class RecordedEvent(NamedTuple):
    """An Event of the API, shortened to what people read."""

    type: str
    reason: str
    object: str  # "Pod/web-0"
    message: str
    times: int
    source: str
    namespace: str

    def __str__(self) -> str:
        return f"{self.type}  {self.reason}  {self.object}  {self.message}" + (
            f"  (x{self.times})" if self.times > 1 else ""
        )


class Wanted(NamedTuple):
    """What is waited for. `condition`: a type, or "Type=Status". `absent`: that the object is gone."""

    resource: GVR | str
    name: str
    namespace: str
    condition: str
    until: Predicate | None
    absent: bool

    def __str__(self) -> str:
        where = f"{self.resource if isinstance(self.resource, str) else self.resource.gr} "
        where += f'"{self.name}"' + (f" in namespace {self.namespace}" if self.namespace else "")
        if self.absent:
            return f"{where} to be gone"
        if self.condition:
            return f"{where} to have the condition {self.condition}"
        if self.until is not None:
            return f"{where} to fulfil {getattr(self.until, '__name__', self.until)}"
        return f"{where} to exist"

    def met_by(self, obj: Obj | None) -> bool:
        """Whether it has come."""
        if obj is None:
            return self.absent
        if self.absent:
            return False
        if self.condition:
            kind, _, status = self.condition.partition("=")
            found = conditions.get(obj, kind)
            if found is None or found.get("status") != (status or "True"):
                return False
            observed = found.get("observedGeneration", (obj.get("status") or {}).get("observedGeneration"))
            if observed is not None and observed < (meta.generation(obj) or 0):
                return False  # said of an earlier specification
        return self.until is None or bool(self.until(obj))


class Waiting:
    """Looks into the API server's own cache: no request, no delay."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._wall = SystemClock()

    def find(self, resource: GVR | str) -> Served | None:
        """The resource by GVR, plural, singular, kind or short name, "widgets.example.com" too."""
        served = self._plane.server.served
        if isinstance(resource, GVR):
            return served.find(*resource)
        word, _, group = resource.lower().partition(".")
        for each in served:
            kind = each.resource
            names = (kind.plural, kind.singular, kind.kind.lower(), *kind.short_names)
            if word in names and (not group or group == kind.gvr.group):
                return each
        return None

    def get(self, wanted: Wanted) -> Obj | None:
        """The object as it is now."""
        served = self.find(wanted.resource)
        if served is None:
            return None
        namespace = wanted.namespace if served.resource.namespaced else ""
        entry = served.store.cache.get(meta.make_key(namespace, wanted.name))
        return None if entry is None else served.shown(entry)

    async def wait_for(self, wanted: Wanted, timeout: float) -> Obj | None:
        """The object when it is as wanted (None when its absence is). Raises NotSeen.

        `timeout` is in seconds of the wall clock; of the cluster's when that stands still, which then moves.
        """
        clock = self._plane.clock
        end = clock.monotonic() + timeout
        deadline = self._wall.monotonic() + max(timeout, 10.0 if clock.frozen else timeout)
        while True:
            found = self.get(wanted)
            if wanted.met_by(found):
                return found
            if clock.frozen:
                await self._plane.settling.rest(deadline)
                if wanted.met_by(found := self.get(wanted)):
                    return found
                if not clock.skip_to_next(end - clock.monotonic()):
                    clock.skip(end - clock.monotonic())
                    break
            elif self._wall.monotonic() >= deadline:
                break
            else:
                await self._wall.sleep(_POLL)
        raise NotSeen(self._report(wanted, timeout))

    def events(
        self, *, involved: str = "", namespace: str = "", reason: str = "", type_: str = ""
    ) -> list[RecordedEvent]:
        """Events of the API, oldest first. `involved`: "Pod/web-0", or "web-0"."""
        found = []
        for entry in self._plane.server.cacher.resource("events/").entries.values():
            obj = entry.obj
            about = obj.get("involvedObject") or obj.get("regarding") or {}
            shown = f"{about.get('kind')}/{about.get('name')}"
            event = RecordedEvent(
                type=obj.get("type") or "",
                reason=obj.get("reason") or "",
                object=shown,
                message=obj.get("message") or obj.get("note") or "",
                times=obj.get("count") or 1,
                source=(obj.get("source") or {}).get("component") or obj.get("reportingComponent") or "",
                namespace=meta.namespace(obj),
            )
            if (
                involved in ("", shown, about.get("name"))
                and namespace in ("", event.namespace)
                and reason in ("", event.reason)
                and type_ in ("", event.type)
            ):
                found.append((entry.revision, event))
        return [event for _, event in sorted(found, key=lambda pair: pair[0])]

    # --- the report

    def _report(self, wanted: Wanted, timeout: float) -> str:
        lines = [f"waited {timeout:g} s for {wanted}"]
        found = self.get(wanted)
        served = self.find(wanted.resource)
        if served is None:
            lines.append("no such resource is served; is its CustomResourceDefinition established?")
        elif found is None:
            present = [meta.key(entry.obj) for entry in served.store.cache.entries.values()]
            lines.append(f"it does not exist; there are: {', '.join(present[:20]) or 'none'}")
        else:
            lines += self._conditions(found)
            if wanted.absent and meta.finalizers(found):
                lines.append(f"finalizers: {', '.join(meta.finalizers(found))}")
        if served is not None:
            lines += self._changes(served, wanted)
        events = self.events(involved=wanted.name, namespace=wanted.namespace)
        lines += ["events:", *(f"  {event}" for event in events[-10:])] if events else ["events: none"]
        recent = self._plane.trace.select(writes=True)[-10:]
        if recent:
            table = self._plane.trace.table(recent)
            lines += ["the last writes:", *(f"  {line}" for line in table.splitlines())]
        return "\n".join(lines)

    def _conditions(self, obj: Obj) -> list[str]:
        listed = (obj.get("status") or {}).get("conditions")
        if listed:
            return ["conditions:"] + [
                f"  {c.get('type')}={c.get('status')}  {c.get('reason', '')}  {c.get('message', '')}".rstrip()
                for c in listed
            ]
        shown = {k: v for k, v in obj.items() if k in ("spec", "status", "data")}
        return ["the object:", *(f"  {line}" for line in _yaml(shown)[:40])]

    def _changes(self, served: Served, wanted: Wanted) -> list[str]:
        namespace = wanted.namespace if served.resource.namespaced else ""
        key = f"{keys.ROOT}{keys.prefix(served.resource)}{meta.make_key(namespace, wanted.name)}"
        history = self._plane.backend.history(key)[-_CHANGES - 1 :]
        lines: list[str] = []
        for before, after in itertools.pairwise(history):
            if after.deleted:
                lines.append(f"deleted at resourceVersion {after.revision}")
                continue
            lines.append(f"changed at resourceVersion {after.revision}:")
            delta = difflib.unified_diff(_readable(before.value), _readable(after.value), lineterm="", n=1)
            lines += [f"  {line}" for line in delta if not line.startswith(("---", "+++", "@@"))]
        return lines


def _readable(value: bytes) -> list[str]:
    obj: dict[str, Any] = orjson.loads(value)
    obj.get("metadata", {}).pop("managedFields", None)
    return _yaml(obj)


def _yaml(obj: Obj) -> list[str]:
    return yaml.safe_dump(obj, sort_keys=False, width=100).splitlines()
