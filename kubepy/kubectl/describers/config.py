"""kubectl describe configmap, secret, serviceaccount."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from kubepy.kubectl.describers import writing
from kubepy.kubectl.describers.writing import Writer
from kubepy.machinery import meta

if TYPE_CHECKING:
    from kubepy.kubectl.builder import Info
    from kubepy.kubectl.session import Session


async def config_map(session: Session, info: Info) -> str:
    """The text about a ConfigMap, with all its values."""
    obj = info.obj
    out = Writer()
    _head(out, info)
    out.line(0, "\nData\n====")
    data = obj.get("data") or {}
    for key in sorted(data):
        out.line(0, f"{key}:\n----")
        out.line(0, data[key])
        out.line(0, "")
    out.line(0, "\nBinaryData\n====")
    binary = obj.get("binaryData") or {}
    for key in sorted(binary):
        out.line(0, f"{key}: {len(base64.b64decode(binary[key]))} bytes")
    out.line(0, "")
    if session.values.on("show-events"):
        writing.events(out, await writing.events_of(session, obj), session.clock.now())
    return out.text()


async def secret(session: Session, info: Info) -> str:
    """The text about a Secret: how long its values are, not what they are (but for a token)."""
    obj = info.obj
    out = Writer()
    _head(out, info)
    out.line(0, f"\nType:\t{obj.get('type') or ''}")
    out.line(0, "\nData\n====")
    data = obj.get("data") or {}
    for key in sorted(data):
        value = base64.b64decode(data[key])
        if key == "token" and obj.get("type") == "kubernetes.io/service-account-token":
            out.line(0, f"{key}:\t{value.decode('utf-8', 'replace')}")
        else:
            out.line(0, f"{key}:\t{len(value)} bytes")
    return out.text()


async def service_account(session: Session, info: Info) -> str:
    """The text about a ServiceAccount."""
    obj = info.obj
    out = Writer()
    _head(out, info)
    path = f"/api/v1/namespaces/{meta.namespace(obj)}/secrets"
    params = {"fieldSelector": "type=kubernetes.io/service-account-token"}
    secrets = (await session.request("GET", path, params=params)).get("items") or []
    tokens = [
        meta.name(found)
        for found in secrets
        if meta.annotations(found).get("kubernetes.io/service-account.name") == info.name
    ]
    pull = [reference["name"] for reference in obj.get("imagePullSecrets") or []]
    mountable = [reference["name"] for reference in obj.get("secrets") or []]
    for title, names in (("Image pull secrets", pull), ("Mountable secrets", mountable), ("Tokens", tokens)):
        lead = f"{title}:"
        for name in names or ["<none>"]:
            out.line(0, f"{lead}\t{name}")
            lead = ""
    if session.values.on("show-events"):
        writing.events(out, await writing.events_of(session, obj), session.clock.now())
    return out.text()


def _head(out: Writer, info: Info) -> None:
    writing.name_and_namespace(out, info.obj)
    writing.labels(out, "Labels", meta.labels(info.obj))
    writing.annotation_lines(out, info.obj)
