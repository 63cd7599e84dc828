"""Printers of the other core kinds: namespaces, secrets, config maps, accounts, events, quotas."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from kubepy.api import resources as r
from kubepy.api.printers.base import (
    UNKNOWN,
    Printer,
    age_column,
    age_of,
    column,
    doc,
    name_column,
    name_of,
    since,
)
from kubepy.api.printers.nodes import nodes
from kubepy.api.printers.pods import pods
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj


def namespaces() -> Printer:
    """Return the printer of Namespaces."""

    def row(obj: Obj, now: datetime) -> list[Any]:
        return [name_of(obj), (obj.get("status") or {}).get("phase") or "", age_of(obj, now)]

    return Printer([name_column(), column("Status", "The status of the namespace"), age_column()], row)


def secrets() -> Printer:
    """Return the printer of Secrets."""

    def row(obj: Obj, now: datetime) -> list[Any]:
        return [name_of(obj), obj.get("type") or "", len(obj.get("data") or ()), age_of(obj, now)]

    kind = "core.v1.Secret"
    return Printer(
        [name_column(), column("Type", doc(kind, "type")), column("Data", doc(kind, "data")), age_column()],
        row,
    )


def config_maps() -> Printer:
    """Return the printer of ConfigMaps."""

    def row(obj: Obj, now: datetime) -> list[Any]:
        entries = len(obj.get("data") or ()) + len(obj.get("binaryData") or ())
        return [name_of(obj), entries, age_of(obj, now)]

    return Printer([name_column(), column("Data", doc("core.v1.ConfigMap", "data")), age_column()], row)


def service_accounts() -> Printer:
    """Return the printer of ServiceAccounts."""

    def row(obj: Obj, now: datetime) -> list[Any]:
        return [name_of(obj), len(obj.get("secrets") or ()), age_of(obj, now)]

    cell = column("Secrets", doc("core.v1.ServiceAccount", "secrets"))
    return Printer([name_column(), cell, age_column()], row)


def _event_source(event: Obj) -> str:
    source = event.get("source") or {}
    component = source.get("component") or event.get("reportingComponent") or ""
    host = source.get("host") or event.get("reportingInstance") or ""
    return f"{component}, {host}" if host else component


def _event_row(event: Obj, now: datetime) -> list[Any]:
    first = event.get("firstTimestamp") or event.get("eventTime")
    last = event.get("lastTimestamp") or first
    count = event.get("count") or 0
    series = event.get("series")
    if series:
        last = series.get("lastObservedTime") or last
        count = series.get("count") or count
    involved = event.get("involvedObject") or {}
    target = (involved.get("kind") or "").lower()
    if involved.get("name"):
        target = f"{target}/{involved['name']}"
    return [
        since(last, now) if last else UNKNOWN,
        event.get("type") or "",
        event.get("reason") or "",
        target,
        involved.get("fieldPath") or "",
        _event_source(event),
        (event.get("message") or "").strip(),
        since(first, now) if first else UNKNOWN,
        count or 1,
        name_of(event),
    ]


def events() -> Printer:
    """Return the printer of Events (of the core group)."""
    kind = "core.v1.Event"
    return Printer(
        [
            column("Last Seen", doc(kind, "lastTimestamp")),
            column("Type", doc(kind, "type")),
            column("Reason", doc(kind, "reason")),
            column("Object", doc(kind, "involvedObject")),
            column("Subobject", doc("core.v1.ObjectReference", "fieldPath"), wide=True),
            column("Source", doc(kind, "source"), wide=True),
            column("Message", doc(kind, "message")),
            column("First Seen", doc(kind, "firstTimestamp"), wide=True),
            column("Count", doc(kind, "count"), wide=True),
            column("Name", name_column().description, wide=True),
        ],
        _event_row,
    )


def _events_v1_row(event: Obj, now: datetime) -> list[Any]:
    """Print an event of events.k8s.io as the core event it is stored as."""
    return _event_row(
        {
            **event,
            "involvedObject": event.get("regarding"),
            "message": event.get("note"),
            "source": event.get("deprecatedSource"),
            "reportingComponent": event.get("reportingController"),
            "firstTimestamp": event.get("deprecatedFirstTimestamp"),
            "lastTimestamp": event.get("deprecatedLastTimestamp"),
            "count": event.get("deprecatedCount"),
        },
        now,
    )


def events_v1() -> Printer:
    """Return the printer of Events of the group events.k8s.io."""
    return Printer(events().columns, _events_v1_row)


def _quota_row(quota: Obj, now: datetime) -> list[Any]:
    status = quota.get("status") or {}
    hard, used = status.get("hard") or {}, status.get("used") or {}
    requests: list[str] = []
    limits: list[str] = []
    for name in sorted(hard):
        cell = f"{name}: {used.get(name, '0')}/{hard[name]}"
        (limits if name.startswith("limits") else requests).append(cell)
    return [name_of(quota), ", ".join(requests), ", ".join(limits), age_of(quota, now)]


def resource_quotas() -> Printer:
    """Return the printer of ResourceQuotas."""
    return Printer(
        [
            name_column(),
            column(
                "Request",
                "Request represents a minimum amount of cpu/memory that a container may consume.",
            ),
            column(
                "Limit",
                "Limits control the maximum amount of cpu/memory that a container may use independent of "
                "contention on the node.",
            ),
            age_column(),
        ],
        _quota_row,
    )


def component_statuses() -> Printer:
    """Return the printer of ComponentStatuses."""

    def row(obj: Obj, now: datetime) -> list[Any]:
        for condition in obj.get("conditions") or ():
            if condition.get("type") == "Healthy":
                healthy = {"True": "Healthy", "False": "Unhealthy"}.get(condition.get("status"), "Unknown")
                message, error = condition.get("message") or "", condition.get("error") or ""
                return [name_of(obj), healthy, message, error]
        return [name_of(obj), "Unknown", "", ""]

    return Printer(
        [
            name_column(),
            column("Status", "Status of the component conditions"),
            column("Message", "Message of the component conditions"),
            column("Error", "Error of the component conditions"),
        ],
        row,
    )


PRINTERS: dict[GVR, Callable[[], Printer]] = {
    r.PODS: pods,
    r.NODES: nodes,
    r.NAMESPACES: namespaces,
    r.SECRETS: secrets,
    r.CONFIG_MAPS: config_maps,
    r.SERVICE_ACCOUNTS: service_accounts,
    r.EVENTS: events,
    r.EVENTS_V1: events_v1,
    r.RESOURCE_QUOTAS: resource_quotas,
    r.COMPONENT_STATUSES: component_statuses,
}
