# ruff: noqa: E501 (help texts and sentences of kubectl are one line)
"""kubectl rollout: status, history, undo, restart, pause, resume."""

from __future__ import annotations

from typing import Any

from kubepy.kubectl import builder, results, revisions, rollout_status
from kubepy.kubectl.builder import Info
from kubepy.kubectl.commands import base
from kubepy.kubectl.commands.base import Command
from kubepy.kubectl.failures import CommandError
from kubepy.kubectl.flags import Flag
from kubepy.kubectl.printers.tabwriter import tabbed
from kubepy.kubectl.session import Session
from kubepy.kubectl.waiting import TimedOut, until
from kubepy.machinery import meta, timestamps
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"


async def _objects(session: Session, words: list[str]) -> list[Info]:
    if not words and not session.values.many("filename"):
        raise CommandError("required resource not specified")
    infos, failures, _ = await builder.read(session, words)
    builder.raise_failures(failures)
    return infos


async def _status(session: Session, words: list[str]) -> None:
    infos = await _objects(session, words)
    if not infos:
        raise CommandError(
            f"No resources found in {session.namespace} namespace." if not words else "no resources found"
        )
    for info in infos:
        await _follow(session, info)


async def _follow(session: Session, info: Info) -> None:
    wanted = session.values.number("revision")
    told = ""

    def done(obj: Obj | None) -> bool:
        nonlocal told
        if obj is None:
            raise CommandError("object has been deleted")
        text, finished = rollout_status.of(info.mapping.kind, obj, wanted)
        if text != told:
            session.print(text)
            session.out.flush()
            told = text
        return finished or not session.values.on("watch")

    try:
        await until(session, info, done, timeout=session.values.seconds("timeout"))
    except TimedOut:
        raise CommandError("timed out waiting for the condition") from None


async def _history(session: Session, words: list[str]) -> None:
    for info in await _objects(session, words):
        history = await _revisions(session, info)
        wanted = session.values.number("revision")
        if wanted:
            await _one_revision(session, info, history, wanted)
            continue
        title = f"{info.display} "
        rows = "".join(f"{number}\t{_cause(obj)}\n" for number, obj in sorted(history.items()))
        session.print(f"{title}\n{tabbed('REVISION' + chr(9) + 'CHANGE-CAUSE' + chr(10) + rows)}")


async def _revisions(session: Session, info: Info) -> dict[int, Obj]:
    if info.mapping.kind != "Deployment":
        return await _controller_revisions(session, info)
    owned = await revisions.owned_replica_sets(session, info.obj)
    return {number: rs for rs in owned if (number := revisions.revision(rs))}


async def _controller_revisions(session: Session, info: Info) -> dict[int, Obj]:
    if info.mapping.kind not in ("DaemonSet", "StatefulSet"):
        raise CommandError(
            f"no history viewer has been implemented for {info.mapping.kind!r}".replace("'", '"')
        )
    from kubepy.kubectl.selecting import as_query

    params = {"labelSelector": as_query(info.obj["spec"].get("selector"))}
    path = f"/apis/apps/v1/namespaces/{info.namespace}/controllerrevisions"
    answer = await session.request("GET", path, params=params)
    return {
        int(found["revision"]): found
        for found in answer.get("items") or []
        if meta.is_controlled_by(found, info.obj)
    }


def _cause(obj: Obj) -> str:
    return meta.annotations(obj).get(revisions.CHANGE_CAUSE) or "<none>"


async def _one_revision(session: Session, info: Info, history: dict[int, Obj], wanted: int) -> None:
    from kubepy.kubectl.describers import pods
    from kubepy.kubectl.describers.writing import Writer

    if wanted not in history:
        raise CommandError(
            f"unable to find the specified revision {wanted} in history"
            if info.mapping.kind == "Deployment"
            else "unable to find the specified revision"
        )
    found = history[wanted]
    template: Obj = found["spec"]["template"] if "spec" in found else found["data"]["spec"]["template"]
    cause = meta.annotations(found).get(revisions.CHANGE_CAUSE)
    if cause:
        metadata = template.get("metadata") or {}
        annotated = (metadata.get("annotations") or {}) | {revisions.CHANGE_CAUSE: cause}
        template = template | {"metadata": metadata | {"annotations": annotated}}
    out = Writer()
    pods.template(out, template)
    session.print(f"{info.display} with revision #{wanted}\n{out.unaligned()}")


async def _undo(session: Session, words: list[str]) -> None:
    reporter = results.Reporter(session)
    for info in await _objects(session, words):
        history = await _revisions(session, info)
        verb = await _roll_back(session, info, history)
        reporter.report(info.mapping, info.obj, verb)


async def _roll_back(session: Session, info: Info, history: dict[int, Obj]) -> str:
    wanted = session.values.number("to-revision")
    if wanted < 0:
        raise CommandError(f"unable to find specified revision {wanted} in history")
    if info.mapping.kind == "Deployment" and info.obj["spec"].get("paused"):
        raise CommandError(
            f"cannot rollback a paused deployment; resume it first with 'kubectl rollout resume deployment/{info.name}' and try again"
        )
    numbers = sorted(history)
    if wanted == 0:
        if len(numbers) < 2:
            raise CommandError(f'no rollout history found for {info.mapping.kind.lower()} "{info.name}"')
        wanted = numbers[-2]
    elif wanted not in history:
        raise CommandError(f"unable to find specified revision {wanted} in history")
    found = history[wanted]
    if info.mapping.kind == "Deployment":
        template = revisions.template_of(found)
        if _same(template, info.obj["spec"]["template"]):
            return f"skipped rollback (current template already matches revision {wanted})"
        patch: Any = [{"op": "replace", "path": "/spec/template", "value": template}]
        annotations = {
            k: v for k, v in meta.annotations(found).items() if not k.startswith("deployment.kubernetes.io/")
        }
        kept = {
            k: v
            for k, v in meta.annotations(info.obj).items()
            if k.startswith("deployment.kubernetes.io/")
            or k == "kubectl.kubernetes.io/last-applied-configuration"
        }
        annotations.pop("kubectl.kubernetes.io/last-applied-configuration", None)
        patch.append(
            {
                "op": "replace" if meta.annotations(info.obj) else "add",
                "path": "/metadata/annotations",
                "value": annotations | kept,
            }
        )
        await _patch(session, info, patch, "application/json-patch+json")
    else:
        await _patch(session, info, found["data"], "application/strategic-merge-patch+json")
    return "rolled back"


def _same(a: Obj, b: Obj) -> bool:
    return (
        bool(a.get("spec") == b.get("spec"))
        and meta.labels(a) == meta.labels(b)
        and meta.annotations(a) == meta.annotations(b)
    )


async def _patch(session: Session, info: Info, patch: Any, content_type: str) -> None:
    if results.dry_run(session) == "client":
        return
    params = results.dry_run_params(session) | {"fieldManager": session.values.text("field-manager")}
    info.obj = await session.request("PATCH", info.path, params=params, body=patch, content_type=content_type)


async def _restart(session: Session, words: list[str]) -> None:
    now = timestamps.rfc3339(session.clock.now())
    patch = {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: now}}}}}
    await _each(session, words, patch, ("Deployment", "DaemonSet", "StatefulSet"), "restarted", "restarting")


async def _pause(session: Session, words: list[str]) -> None:
    await _each(session, words, {"spec": {"paused": True}}, ("Deployment",), "paused", "pausing")


async def _resume(session: Session, words: list[str]) -> None:
    await _each(session, words, {"spec": {"paused": None}}, ("Deployment",), "resumed", "resuming")


async def _each(
    session: Session, words: list[str], patch: Obj, kinds: tuple[str, ...], verb: str, doing: str
) -> None:
    reporter = results.Reporter(session)
    failures: list[Exception] = []
    for info in await _objects(session, words):
        name = (
            f"{info.mapping.gvr.resource}.{info.mapping.gvr.group}"
            if info.mapping.gvr.group
            else info.mapping.gvr.resource
        )
        paused = bool((info.obj.get("spec") or {}).get("paused"))
        if info.mapping.kind not in kinds:
            failures.append(CommandError(f'{name} "{info.name}" {doing} is not supported'))
        elif verb == "paused" and paused:
            failures.append(CommandError(f'{name} "{info.name}" is already paused'))
        elif verb == "resumed" and not paused:
            failures.append(CommandError(f'{name} "{info.name}" is not paused'))
        elif verb == "restarted" and paused:
            failures.append(
                CommandError(
                    f'{name} "{info.name}" can\'t restart paused deployment (run rollout resume first)'
                )
            )
        else:
            try:
                await _patch(session, info, patch, "application/strategic-merge-patch+json")
            except StatusError as error:
                failures.append(error)
                continue
            reporter.report(info.mapping, info.obj, verb)
    builder.raise_failures(failures)


_COMMON = (*base.FILES, *base.OUTPUT, base.SELECTOR)
_MANAGER = base.field_manager("kubectl-rollout")


def _make(name: str, summary: str, run: Any, *flags: Flag) -> Command:
    return Command(
        name,
        summary,
        f"kubectl rollout {name} (TYPE NAME | TYPE/NAME) [flags] [options]",
        (*_COMMON, *flags),
        run,
    )


COMMAND = Command(
    "rollout",
    "Manage the rollout of one or many resources",
    "kubectl rollout SUBCOMMAND [options]",
    subcommands={
        "history": _make("history", "View rollout history", _history, Flag("revision", "int", help="See the details, including podTemplate of the revision specified")),
        "pause": _make("pause", "Mark the provided resource as paused", _pause, _MANAGER),
        "restart": _make("restart", "Restart a resource", _restart, _MANAGER),
        "resume": _make("resume", "Resume a paused resource", _resume, _MANAGER),
        "status": _make("status", "Show the status of the rollout", _status, Flag("revision", "int", help="Pin to a specific revision for showing its status. Defaults to 0 (last revision)."), Flag("watch", "bool", short="w", default=True, help="Watch the status of the rollout until it's done."), base.TIMEOUT),
        "undo": _make("undo", "Undo a previous rollout", _undo, Flag("to-revision", "int", help="The revision to rollback to. Default to 0 (last revision)."), base.DRY_RUN, _MANAGER),
    },
)  # fmt: skip
