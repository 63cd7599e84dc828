"""Rules of Events, whichever of the two groups they come through."""

from __future__ import annotations

from kubepy.api.validation.formats import dns_subdomain, qualified_name
from kubepy.api.validation.rules import Rules, immutable_field
from kubepy.machinery.field_errors import Cause, invalid_value, required
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj

_MAX_SHORT = 128
_MAX_NOTE = 1024
_MISMATCH = "does not match event.namespace"
# Each field as core/v1 and as events.k8s.io/v1 name it, in Kubernetes' order.
_FROZEN = (
    ("involvedObject", "regarding"),
    ("reason", "reason"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("type", "type"),
    ("eventTime", "eventTime"),
    ("action", "action"),
    ("related", "related"),
    ("reportingController", "reportingController"),
    ("reportingInstance", "reportingInstance"),
)
_UNSET = (
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("source", "deprecatedSource"),
)


def _core(event: Obj) -> Obj:
    """Return the event with the names that core/v1 has for its fields."""
    if event.get("apiVersion") == "v1":
        return event
    renamed = dict(event)
    for core, new in _FROZEN:
        if new in event:
            renamed[core] = event[new]
    if "reportingController" not in renamed and "reportingComponent" in renamed:
        renamed["reportingController"] = renamed["reportingComponent"]
    return renamed


def _legacy(event: Obj) -> list[Cause]:
    namespace = event["metadata"].get("namespace") or ""
    involved = (event.get("involvedObject") or {}).get("namespace") or ""
    at = "involvedObject.namespace"
    causes: list[Cause] = []
    if not event.get("eventTime"):
        if involved != namespace and not (not involved and namespace == "default"):
            causes.append(invalid_value(at, involved, _MISMATCH))
        return causes + dns_subdomain(namespace, "namespace")
    if not involved and namespace not in ("default", "kube-system"):
        causes.append(invalid_value(at, involved, _MISMATCH))
    controller = event.get("reportingController") or event.get("reportingComponent") or ""
    if not controller:
        causes.append(required("reportingController"))
    causes += qualified_name(controller, "reportingController")
    for field in ("reportingInstance", "action", "reason"):
        value = event.get(field) or ""
        if not value:
            causes.append(required(field))
        if len(value.encode()) > _MAX_SHORT:
            causes.append(invalid_value(field, "", f"can have at most {_MAX_SHORT} characters"))
    if len((event.get("message") or "").encode()) > _MAX_NOTE:
        causes.append(invalid_value("message", "", f"can have at most {_MAX_NOTE} characters"))
    return causes + dns_subdomain(namespace, "namespace")


def _series(event: Obj) -> list[Cause]:
    series = event.get("series")
    if series is None:
        return []
    causes: list[Cause] = []
    if (series.get("count") or 0) < 2:
        causes.append(invalid_value("series.count", "", "should be at least 2"))
    if not series.get("lastObservedTime"):
        causes.append(required("series.lastObservedTime"))
    return causes


def _create(event: Obj) -> list[Cause]:
    return _legacy(event)


def _create_new_style(event: Obj) -> list[Cause]:
    renamed = _core(event)
    causes = _legacy(renamed) + _series(event)
    if not event.get("eventTime"):
        causes.append(required("eventTime"))
    kind = event.get("type") or ""
    if kind not in ("Normal", "Warning"):
        causes.append(invalid_value("type", "", f"has invalid value: {kind}"))
    return causes + [invalid_value(core, "", "needs to be unset") for core, new in _UNSET if event.get(new)]


def _update(event: Obj, old: Obj) -> list[Cause]:
    return _legacy(event)


def _update_new_style(event: Obj, old: Obj) -> list[Cause]:
    causes = _legacy(_core(event))
    if event.get("series") != old.get("series"):
        causes += _series(event)
    for core, new in _FROZEN:
        causes += immutable_field(core, event.get(new), old.get(new))
    return causes


RULES: dict[GK, Rules] = {
    GK("", "Event"): Rules(create=_create, update=_update),
    GK("events.k8s.io", "Event"): Rules(create=_create_new_style, update=_update_new_style),
}
