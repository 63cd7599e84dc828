# ruff: noqa: E501 (help texts and sentences of kubectl are one line)
"""kubectl scale."""

from __future__ import annotations

from kubepy.kubectl import builder, results
from kubepy.kubectl.builder import Info
from kubepy.kubectl.commands import base
from kubepy.kubectl.commands.base import Command
from kubepy.kubectl.failures import CommandError, UsageError
from kubepy.kubectl.flags import Flag
from kubepy.kubectl.session import Session
from kubepy.kubectl.waiting import TimedOut, until
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj


async def run(session: Session, words: list[str]) -> int | None:
    values = session.values
    if not values.given("replicas") or values.number("replicas") < 0:
        text = (
            'required flag(s) "replicas" not set'
            if not values.given("replicas")
            else "The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0"
        )
        raise UsageError(text) if values.given("replicas") else CommandError(text)
    reporter = results.Reporter(session)
    infos, failures, single = await builder.read(session, words, require_name=True)
    if values.text("resource-version") and not single:
        raise CommandError("cannot use --resource-version with multiple resources")
    for info in infos:
        try:
            await _scale(session, info)
        except StatusError as error:
            failures.append(error)
            continue
        reporter.report(info.mapping, info.obj, "scaled")
    if not infos:
        why = "".join(f" {failure}" for failure in failures)
        raise CommandError(f"no objects passed to scale{why}")
    builder.raise_failures(failures)
    if values.seconds("timeout") and results.dry_run(session) == "none":
        await _wait(session, infos)
    return None


async def _scale(session: Session, info: Info) -> None:
    values = session.values
    path = info.mapping.path(info.namespace, info.name, "scale")
    wanted = values.number("replicas")
    current, version = values.number("current-replicas"), values.text("resource-version")
    if current != -1 or version:
        scale = await session.request("GET", path)
        now = (scale.get("spec") or {}).get("replicas", 0)
        if current not in (-1, now):
            raise CommandError(f"Expected replicas to be {current}, was {now}")
        found = (scale.get("metadata") or {}).get("resourceVersion")
        if version and version != found:
            raise CommandError(f"Expected resource version to be {version}, was {found}")
    if results.dry_run(session) == "client":
        return
    patch: Obj = {"spec": {"replicas": wanted}}
    await session.request(
        "PATCH",
        path,
        params=results.dry_run_params(session),
        body=patch,
        content_type="application/merge-patch+json",
    )


async def _wait(session: Session, infos: list[Info]) -> None:
    wanted = session.values.number("replicas")

    def done(obj: Obj | None) -> bool:
        status: Obj = (obj or {}).get("status") or {}
        return obj is None or (
            status.get("replicas", 0) == wanted
            and status.get("observedGeneration", 0) >= obj["metadata"].get("generation", 0)
        )

    for info in infos:
        try:
            await until(session, info, done, timeout=session.values.seconds("timeout"))
        except TimedOut:
            raise CommandError("timed out waiting for the condition") from None


COMMAND = Command(
    "scale",
    "Set a new size for a deployment, replica set, or replication controller",
    "kubectl scale [--resource-version=version] [--current-replicas=count] --replicas=COUNT (-f FILENAME | TYPE NAME) [options]",
    (
        *base.FILES,
        *base.OUTPUT,
        base.SELECTOR,
        base.ALL,
        base.DRY_RUN,
        base.TIMEOUT,
        Flag("replicas", "int", help="The new desired number of replicas. Required."),
        Flag("current-replicas", "int", default=-1, help="Precondition for current size. Requires that the current size of the resource match this value in order to scale. -1 (default) for no condition."),
        Flag("resource-version", help="Precondition for resource version. Requires that the current resource version match this value in order to scale."),
    ),
    run,
    examples="""
        # Scale a replica set named 'foo' to 3
        kubectl scale --replicas=3 rs/foo
    """,
)  # fmt: skip
