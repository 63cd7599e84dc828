# ruff: noqa: E501 (help texts and sentences of kubectl are one line)
"""kubectl get."""

from __future__ import annotations

from typing import Any

from kubepy.kubectl import builder, printers
from kubepy.kubectl.builder import Info, Target
from kubepy.kubectl.commands import base
from kubepy.kubectl.commands.base import Command
from kubepy.kubectl.failures import CommandError
from kubepy.kubectl.flags import Flag
from kubepy.kubectl.printers.table import TableOptions, TablePrinter
from kubepy.kubectl.printers.tabwriter import table_writer
from kubepy.kubectl.session import JSON, TABLE, Session
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj

REQUIRED = (
    'You must specify the type of resource to get. Use "kubectl api-resources" for a complete list of '
    "supported resources.\n\n"
    "error: Required resource not specified.\n"
    'Use "kubectl explain <resource>" for a detailed description of that resource (e.g. kubectl explain '
    "pods).\nSee 'kubectl get -h' for help and examples"
)


class _Answer:
    """What one request brought: a table, or objects where the server makes no tables."""

    def __init__(self, info: Info, *, listed: bool) -> None:
        self.info = info
        self.listed = listed

    @property
    def obj(self) -> Obj:
        return self.info.obj


async def run(session: Session, words: list[str]) -> int | None:
    values = session.values
    if values.text("raw"):
        answer = await session.request_bytes("GET", values.text("raw"))
        session.print(answer.decode("utf-8", "replace"), end="")
        return None
    if not words and not values.many("filename"):
        raise CommandError(REQUIRED, raw=True)
    output = values.text("output")
    tables = printers.is_table(output) or bool(values.text("sort-by"))
    render = None if printers.is_table(output) else printers.renderer(values)
    if values.on("watch") or values.on("watch-only"):
        from kubepy.kubectl import watching

        await watching.run(session, await _targets(session, words), render)
        return None
    wanted = await _targets(session, words)
    as_tables = render is None and tables
    answers, failures = await _fetch(session, wanted, as_tables=as_tables)
    if render is None:
        _print_tables(session, answers, failures)
    else:
        _print_objects(session, answers, failures, render, single=_is_single(wanted))
    builder.raise_failures(failures)
    return None


async def _targets(session: Session, words: list[str]) -> list[Info]:
    """The requests to make; an Info without a name is a list."""
    if session.values.many("filename"):
        if words:
            raise CommandError(builder.FILES_AND_WORDS)
        return [
            Info(info.mapping, info.namespace, info.name) for info in await builder.from_manifests(session)
        ]
    return [_info(session, target) for target in await builder.targets(session, words)]


def _info(session: Session, target: Target) -> Info:
    namespace = builder.namespace_of(session, target.mapping)
    if target.name:
        if builder.selectors(session):
            raise CommandError("name cannot be provided when a selector is specified")
        if builder.all_namespaces(session):
            raise CommandError("a resource cannot be retrieved by name across all namespaces")
    elif builder.all_namespaces(session):
        namespace = ""
    return Info(target.mapping, namespace, target.name)


def _is_single(wanted: list[Info]) -> bool:
    return len(wanted) == 1 and bool(wanted[0].name)


async def _fetch(
    session: Session, wanted: list[Info], *, as_tables: bool
) -> tuple[list[_Answer], list[Exception]]:
    answers: list[_Answer] = []
    failures: list[Exception] = []
    for info in wanted:
        try:
            answers += await _fetch_one(session, info, as_tables=as_tables)
        except StatusError as error:
            if not (error.code == 404 and session.values.on("ignore-not-found")):
                failures.append(error)
    return answers, failures


async def _fetch_one(session: Session, info: Info, *, as_tables: bool) -> list[_Answer]:
    accept = TABLE if as_tables and session.values.on("server-print") else JSON
    params: dict[str, str] = {}
    if as_tables and session.values.text("sort-by"):
        params["includeObject"] = "Object"
    if info.name:
        path = info.mapping.path(info.namespace, info.name, session.values.text("subresource"))
        info.obj = await session.request("GET", path, params=params, accept=accept)
        return [_Answer(info, listed=False)]
    if chunk := session.values.number("chunk-size"):
        params["limit"] = str(chunk)
    params |= builder.selectors(session)
    answers: list[_Answer] = []
    while True:
        page = await session.request("GET", info.mapping.path(info.namespace), params=params, accept=accept)
        answers.append(_Answer(Info(info.mapping, info.namespace, "", page), listed=True))
        token = (page.get("metadata") or {}).get("continue")
        if not token:
            return answers
        params["continue"] = token


def table_options(session: Session, mapping: Any, *, with_kind: bool) -> TableOptions:
    """How the flags want the tables of a resource."""
    values = session.values
    return TableOptions(
        wide=values.text("output") == "wide",
        headers=not values.on("no-headers"),
        namespace=values.on("all-namespaces") and mapping.namespaced,
        kind=mapping.display if with_kind or values.on("show-kind") else "",
        show_labels=values.on("show-labels"),
        label_columns=tuple(values.many("label-columns")),
    )


def _print_tables(session: Session, answers: list[_Answer], failures: list[Exception]) -> None:
    from kubepy.kubectl.printers import local_table

    if sort_by := session.values.text("sort-by"):
        answers = _sorted(answers, sort_by)
    writer = table_writer()
    with_kind = len({answer.info.mapping.gvk for answer in answers}) > 1
    printer: TablePrinter | None = None
    last: Any = None
    output: list[str] = []
    group_wrote = False
    namespaced = not session.values.on("all-namespaces")
    separate = False
    for answer in answers:
        mapping = answer.info.mapping
        namespaced = namespaced and mapping.namespaced
        if printer is None or mapping != last:
            text = writer.flush()
            _append(output, text, separate)
            separate = separate and not text
            writer.forget_widths()
            if last is not None and not session.values.on("no-headers") and (text or group_wrote):
                separate = True
            group_wrote = False
            printer = TablePrinter(table_options(session, mapping, with_kind=with_kind), writer)
            last = mapping
        table = answer.obj if answer.obj.get("kind") == "Table" else local_table.of(answer.obj, session.clock)
        printer.print(table)
    _append(output, writer.flush(), separate)
    session.print("".join(output), end="")
    if not any(output) and not failures and not session.values.on("ignore-not-found"):
        where = f" in {session.namespace} namespace." if namespaced else ""
        session.tell(f"No resources found{where}")


def _append(output: list[str], text: str, separate: bool) -> None:
    if text:
        output.append(f"\n{text}" if separate else text)


def _sorted(answers: list[_Answer], path: str) -> list[_Answer]:
    """Sort the rows inside each answer; the answers of one resource become one."""
    from kubepy.kubectl import sorting

    merged: list[_Answer] = []
    for answer in answers:
        before = merged[-1] if merged else None
        if before is not None and before.info.mapping == answer.info.mapping and "rows" in before.obj:
            before.info.obj = before.obj | {"rows": before.obj["rows"] + (answer.obj.get("rows") or [])}
        else:
            merged.append(answer)
    for answer in merged:
        answer.info.obj = sorting.table(answer.obj, path)
    return merged


def _print_objects(
    session: Session,
    answers: list[_Answer],
    failures: list[Exception],
    render: printers.Render,
    *,
    single: bool,
) -> None:
    if single:
        if answers:
            session.print(render(_typed(answers[0])), end="")
        return
    items: list[Obj] = []
    for answer in answers:
        if answer.listed:
            items += _items(answer)
        else:
            items.append(_typed(answer))
    if sort_by := session.values.text("sort-by"):
        from kubepy.kubectl import sorting

        items = sorting.objects(items, sort_by)
    if not items and failures:
        return
    whole = {"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": items}
    session.print(render(whole), end="")


def _typed(answer: _Answer) -> Obj:
    mapping = answer.info.mapping
    return {"apiVersion": mapping.gvr.api_version, "kind": mapping.kind} | answer.obj


def _items(answer: _Answer) -> list[Obj]:
    mapping = answer.info.mapping
    typed = {"apiVersion": mapping.gvr.api_version, "kind": mapping.kind}
    return [typed | item for item in answer.obj.get("items") or []]


COMMAND = Command(
    "get",
    "Display one or many resources",
    "kubectl get [(-o|--output=)json|yaml|name|jsonpath|jsonpath-as-json|jsonpath-file|custom-columns|"
    "custom-columns-file|wide] (TYPE[.VERSION][.GROUP] [NAME | -l label] | TYPE[.VERSION][.GROUP]/NAME ...) "
    "[flags] [options]",
    (
        *base.FILES,
        *base.OUTPUT,
        base.SELECTOR,
        base.FIELD_SELECTOR,
        base.ALL_NAMESPACES,
        Flag("chunk-size", "int", default=500, help="Return large lists in chunks rather than all at once. Pass 0 to disable."),
        Flag("ignore-not-found", "bool", help="If the requested object does not exist the command will return exit code 0."),
        Flag("label-columns", "list", short="L", help="Accepts a comma separated list of labels that are going to be presented as columns. Names are case-sensitive."),
        Flag("no-headers", "bool", help="When using the default or custom-column output format, don't print headers (default print headers)."),
        Flag("output-watch-events", "bool", help="Output watch event objects when --watch or --watch-only is used. Existing objects are output as initial ADDED events."),
        Flag("raw", help="Raw URI to request from the server.  Uses the transport specified by the kubeconfig file."),
        Flag("server-print", "bool", default=True, help="If true, have the server return the appropriate table output."),
        Flag("show-kind", "bool", help="If present, list the resource type for the requested object(s)."),
        Flag("show-labels", "bool", help="When printing, show all labels as the last column (default hide labels column)"),
        Flag("sort-by", help="If non-empty, sort list types using this field specification.  The field specification is expressed as a JSONPath expression (e.g. '{.metadata.name}')."),
        Flag("subresource", help="If specified, gets the subresource of the requested object."),
        Flag("watch", "bool", short="w", help="After listing/getting the requested object, watch for changes."),
        Flag("watch-only", "bool", help="Watch for changes to the requested object(s), without listing/getting first."),
    ),
    run,
    examples="""
        # List all pods in ps output format
        kubectl get pods

        # List all pods in ps output format with more information (such as node name)
        kubectl get pods -o wide

        # List deployments in JSON output format, in the "v1" version of the "apps" API group
        kubectl get deployments.v1.apps -o json

        # Return only the phase value of the specified pod
        kubectl get -o template pod/web-pod-13je7 -o jsonpath={.status.phase}

        # List all replication controllers and services together in ps output format
        kubectl get rc,services
    """,
)  # fmt: skip
