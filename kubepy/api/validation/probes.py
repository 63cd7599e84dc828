"""Rules of probes and lifecycle handlers."""

from __future__ import annotations

from typing import Any

from kubepy.api.validation.formats import http_header_name
from kubepy.api.validation.rules import all_messages
from kubepy.machinery import names
from kubepy.machinery.field_errors import Cause, forbidden_field, invalid_value, not_supported, required
from kubepy.machinery.meta import Obj

_PROBE_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
_HOOK_HANDLERS = ("exec", "httpGet", "tcpSocket", "sleep")
_TIMINGS = (
    "initialDelaySeconds",
    "timeoutSeconds",
    "periodSeconds",
    "successThreshold",
    "failureThreshold",
)
_SCHEMES = ("HTTP", "HTTPS")
# Stop signals by the operating system that knows them.
_WINDOWS_SIGNALS = ("SIGKILL", "SIGTERM")


def validate_probe(probe: Obj, kind: str, path: str, grace: int | None) -> list[Cause]:
    """Check a probe; `kind` is the field it stands in."""
    causes = _handler(probe, path, _PROBE_HANDLERS, grace)
    for field in _TIMINGS:
        value = probe.get(field)
        if value is not None and value < 0:
            causes.append(invalid_value(f"{path}.{field}", value, "must be greater than or equal to 0"))
    own_grace = probe.get("terminationGracePeriodSeconds")
    if own_grace is not None:
        at = f"{path}.terminationGracePeriodSeconds"
        if own_grace <= 0:
            causes.append(invalid_value(at, own_grace, "must be greater than 0"))
        if kind == "readinessProbe":
            causes.append(invalid_value(at, own_grace, "must not be set for readinessProbes"))
    if kind != "readinessProbe" and probe.get("successThreshold") != 1:
        threshold = probe.get("successThreshold") or 0
        causes.append(invalid_value(f"{path}.successThreshold", threshold, "must be 1"))
    return causes


def validate_lifecycle(lifecycle: Obj, path: str, grace: int | None, os: str) -> list[Cause]:
    """Check what runs after a container's start and before its stop."""
    causes: list[Cause] = []
    for hook in ("postStart", "preStop"):
        if hook in lifecycle:
            causes += _handler(lifecycle[hook], f"{path}.{hook}", _HOOK_HANDLERS, grace)
    signal = lifecycle.get("stopSignal")
    if signal is not None:
        at = f"{path}.stopSignal"
        if not os:
            causes.append(forbidden_field(at, "may not be set for containers with empty `spec.os.name`"))
        elif os == "windows" and signal not in _WINDOWS_SIGNALS:
            causes.append(not_supported(at, signal, _WINDOWS_SIGNALS))
    return causes


def _handler(handler: Obj, path: str, kinds: tuple[str, ...], grace: int | None) -> list[Cause]:
    causes: list[Cause] = []
    first = ""
    for kind in kinds:
        action = handler.get(kind)
        if action is None:
            continue
        if first:
            causes.append(forbidden_field(f"{path}.{kind}", "may not specify more than 1 handler type"))
            continue
        first = kind
        causes += _action(kind, action, f"{path}.{kind}", grace)
    return causes if first else [required(path, "must specify a handler type")]


def _action(kind: str, action: Obj, path: str, grace: int | None) -> list[Cause]:
    causes: list[Cause] = []
    match kind:
        case "exec":
            if not action.get("command"):
                causes.append(required(f"{path}.command"))
        case "httpGet":
            if not action.get("path"):
                causes.append(required(f"{path}.path"))
            causes += port_number_or_name(action.get("port"), f"{path}.port")
            if action.get("scheme") not in _SCHEMES:
                causes.append(not_supported(f"{path}.scheme", action.get("scheme") or "", _SCHEMES))
            for header in action.get("httpHeaders") or ():
                causes += http_header_name(header.get("name") or "", f"{path}.httpHeaders")
        case "tcpSocket" | "grpc":
            causes += port_number_or_name(action.get("port"), f"{path}.port")
        case "sleep":
            seconds = action.get("seconds") or 0
            if grace is not None and not 0 <= seconds <= grace:
                detail = f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
                causes.append(invalid_value(path, seconds, detail))
    return causes


def port_number_or_name(port: Any, path: str) -> list[Cause]:
    """Check a port that may be the name of one."""
    if isinstance(port, str):
        return all_messages(path, port, names.port_name(port))
    number = port or 0
    return [] if 1 <= number <= 65535 else all_messages(path, number, names.port_number(number))
