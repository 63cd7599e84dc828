"""kubectl get --watch: the list, then every change as a line (or an object) of its own."""

from __future__ import annotations

from typing import Any

import orjson

from kubepy.client import ConnectionFailed
from kubepy.kubectl import builder, printers
from kubepy.kubectl.builder import Info
from kubepy.kubectl.commands import get
from kubepy.kubectl.failures import CommandError
from kubepy.kubectl.printers import local_table
from kubepy.kubectl.printers.table import TablePrinter
from kubepy.kubectl.printers.tabwriter import table_writer
from kubepy.kubectl.session import JSON, TABLE, Session
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj


async def run(session: Session, wanted: list[Info], render: printers.Render | None) -> None:
    """List (unless --watch-only) and watch until the server ends it."""
    if len(wanted) != 1:
        raise CommandError("you may only specify a single resource type")
    info = wanted[0]
    params = builder.selectors(session)
    if info.name:
        params["fieldSelector"] = f"metadata.name={info.name}"
    accept = TABLE if render is None else JSON
    # A named object must be there; a list may be empty.
    if info.name:
        await session.request("GET", info.path)
    path = info.mapping.path(info.namespace)
    listed = await session.request("GET", path, params=params, accept=accept)
    show = _Output(session, info, render)
    if not session.values.on("watch-only"):
        show.listed(listed)
    version = (listed.get("metadata") or {}).get("resourceVersion") or ""
    watch = {**params, "watch": "true", "resourceVersion": version}
    try:
        async for line in session.client.lines_as(accept, path, watch):
            event = orjson.loads(line)
            if event["type"] == "ERROR":
                raise StatusError(event["object"])
            show.event(event)
    except ConnectionFailed as error:
        raise session.located(error) from error.__cause__


class _Output:
    def __init__(self, session: Session, info: Info, render: printers.Render | None) -> None:
        self._session = session
        self._mapping = info.mapping
        self._render = render
        self._events = session.values.on("output-watch-events")
        self._writer = table_writer()
        self._table = TablePrinter(get.table_options(session, info.mapping, with_kind=False), self._writer)
        self._count = 0

    def listed(self, answer: Obj) -> None:
        if self._render is None:
            self._print_table(answer, "ADDED")
            return
        for item in answer.get("items") or []:
            self.event({"type": "ADDED", "object": item})

    def event(self, event: dict[str, Any]) -> None:
        if event["type"] == "BOOKMARK":
            return
        obj = event["object"]
        if self._render is None:
            self._print_table(obj, event["type"])
            return
        typed = {"apiVersion": self._mapping.gvr.api_version, "kind": self._mapping.kind} | obj
        shown = {"type": event["type"], "object": typed} if self._events else typed
        if self._count and self._session.values.text("output") == "yaml":
            self._session.print("---")
        self._count += 1
        self._session.print(self._render(shown), end="")
        self._session.out.flush()

    def _print_table(self, obj: Obj, event: str) -> None:
        table = obj if obj.get("kind") == "Table" else local_table.of(obj, self._session.clock)
        self._table.print(table, event=event if self._events else None)
        self._session.print(self._writer.flush(), end="")
        self._session.out.flush()
