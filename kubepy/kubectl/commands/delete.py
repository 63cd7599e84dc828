# ruff: noqa: E501 (help texts and sentences of kubectl are one line)
"""kubectl delete."""

from __future__ import annotations

from typing import Any

from kubepy.kubectl import builder, results
from kubepy.kubectl.builder import Info
from kubepy.kubectl.commands import base
from kubepy.kubectl.commands.base import Command
from kubepy.kubectl.failures import CommandError
from kubepy.kubectl.flags import Flag
from kubepy.kubectl.session import Session
from kubepy.kubectl.waiting import TimedOut, until_gone
from kubepy.machinery import errors, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj

IMMEDIATE = (
    "Immediate deletion does not wait for confirmation that the running resource has been terminated. The "
    "resource may continue to run on the cluster indefinitely."
)
CASCADES = {
    "background": "Background",
    "true": "Background",
    "foreground": "Foreground",
    "orphan": "Orphan",
    "false": "Orphan",
}


async def run(session: Session, words: list[str]) -> int | None:
    values = session.values
    options = _options(session)
    if values.text("output") not in ("", "name"):
        raise CommandError(f"unexpected -o output mode: {values.text('output')}. We only support '-o name'")
    if values.on("all") and builder.selectors(session):
        raise CommandError("cannot set --all and --selector at the same time")
    if values.on("all-namespaces") and not values.on("all") and not builder.selectors(session):
        raise CommandError("a resource cannot be retrieved by name across all namespaces")
    ignore = values.on("ignore-not-found") or values.on("all")
    infos, failures, _ = await builder.read(session, words, require_name=True, fetch=False)
    deleted: list[tuple[Info, str]] = []
    for info in infos:
        try:
            uid = await _delete(session, info, options)
        except StatusError as error:
            if not (ignore and errors.is_not_found(error)):
                failures.append(error)
            continue
        _tell(session, info)
        deleted.append((info, uid))
    if not infos and not failures:
        session.print("No resources found")
    if values.on("wait") and results.dry_run(session) == "none":
        await _wait(session, deleted, failures)
    builder.raise_failures(failures)
    return None


def _options(session: Session) -> Obj:
    values = session.values
    grace = values.number("grace-period")
    if values.on("now"):
        if grace != -1:
            raise CommandError("--now and --grace-period cannot be specified together")
        grace = 1
    if grace == 0 and not values.on("force"):
        # Only --force may take an object from the API before its processes have ended.
        grace = 1
    if values.on("force") and grace < 0:
        grace = 0
    if values.on("force") and grace > 0:
        raise CommandError("--force and --grace-period greater than 0 cannot be specified together")
    if grace == 0 and values.on("force"):
        session.warn(IMMEDIATE)
    cascade = CASCADES.get(values.text("cascade"))
    if cascade is None:
        raise CommandError(
            f'invalid cascade value ({values.text("cascade")}). Must be "background", "foreground", or "orphan"'
        )
    options: Obj = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": cascade}
    if grace >= 0:
        options["gracePeriodSeconds"] = grace
    if results.dry_run(session) == "server":
        options["dryRun"] = ["All"]
    return options


async def _delete(session: Session, info: Info, options: Obj) -> str:
    """Delete, and return the uid of what was deleted ("" when it is not known)."""
    if results.dry_run(session) == "client":
        await session.request("GET", info.path)
        return ""
    answer = await session.request("DELETE", info.path, body=options)
    details: dict[str, Any] = answer.get("details") or {}
    return str(details.get("uid") or "") if answer.get("kind") == "Status" else meta.uid(answer)


def _tell(session: Session, info: Info) -> None:
    if session.values.text("output") == "name":
        session.print(info.display)
        return
    forced = session.values.on("force") and session.values.number("grace-period") <= 0
    verb = results.operation(session, "force deleted" if forced else "deleted")
    session.print(f'{info.mapping.display} "{info.name}" {verb}')


async def _wait(session: Session, deleted: list[tuple[Info, str]], failures: list[Exception]) -> None:
    session.out.flush()
    timeout = session.values.seconds("timeout")
    for info, uid in deleted:
        if "get" not in info.mapping.verbs:
            continue
        try:
            await until_gone(session, info, uid, timeout=timeout)
        except TimedOut:
            failures.append(
                CommandError(
                    f"timed out waiting for the condition on {info.mapping.gvr.resource}/{info.name}"
                )
            )
        except StatusError as error:
            # Who may delete need not be allowed to look.
            if not errors.is_forbidden(error):
                failures.append(error)


COMMAND = Command(
    "delete",
    "Delete resources by file names, stdin, resources and names, or by resources and label selector",
    "kubectl delete ([-f FILENAME] | [-k DIRECTORY] | TYPE [(NAME | -l label | --all)]) [options]",
    (
        *base.FILES,
        Flag("output", short="o", help="Output mode. Use \"-o name\" for shorter output (resource/name)."),
        base.SELECTOR,
        base.FIELD_SELECTOR,
        base.ALL_NAMESPACES,
        Flag("all", "bool", help="Delete all resources, in the namespace of the specified resource types."),
        Flag("cascade", default="background", bare="background", help='Must be "background", "orphan", or "foreground". Selects the deletion cascading strategy for the dependents (e.g. Pods created by a ReplicationController). Defaults to background.'),
        base.DRY_RUN,
        Flag("force", "bool", help="If true, immediately remove resources from API and bypass graceful deletion. Note that immediate deletion of some resources may result in inconsistency or data loss and requires confirmation."),
        Flag("grace-period", "int", default=-1, help="Period of time in seconds given to the resource to terminate gracefully. Ignored if negative. Set to 1 for immediate shutdown. Can only be set to 0 when --force is true (force deletion)."),
        Flag("ignore-not-found", "bool", help='Treat "resource not found" as a successful delete. Defaults to "true" when --all is specified.'),
        Flag("now", "bool", help="If true, resources are signaled for immediate shutdown (same as --grace-period=1)."),
        Flag("timeout", "duration", help="The length of time to wait before giving up on a delete, zero means determine a timeout from the size of the object"),
        Flag("wait", "bool", default=True, help="If true, wait for resources to be gone before returning. This waits for finalizers."),
    ),
    run,
    examples="""
        # Delete a pod using the type and name specified in pod.json
        kubectl delete -f ./pod.json

        # Delete pods and services with label name=myLabel
        kubectl delete pods,services -l name=myLabel

        # Delete a pod with minimal delay
        kubectl delete pod foo --now
    """,
)  # fmt: skip
