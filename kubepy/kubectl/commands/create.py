# ruff: noqa: E501 (help texts and sentences of kubectl are one line)
"""kubectl create: from manifests, or one of the generators below it."""

from __future__ import annotations

from kubepy.kubectl import builder, last_applied, manifests, results
from kubepy.kubectl.commands import base, create_rbac, create_simple, create_workloads
from kubepy.kubectl.commands.base import Command
from kubepy.kubectl.failures import CommandError, UsageError, with_source
from kubepy.kubectl.flags import Flag
from kubepy.kubectl.session import Session
from kubepy.machinery.errors import StatusError


async def run(session: Session, words: list[str]) -> int | None:
    values = session.values
    if not values.many("filename") and not values.text("kustomize"):
        if words:
            raise UsageError(f"Unexpected args: [{' '.join(words)}]")
        raise CommandError("must specify one of -f and -k")
    if values.text("raw"):
        await _raw(session)
        return None
    reporter = results.Reporter(session)
    failures: list[Exception] = []
    count = 0
    for manifest in manifests.read(values.many("filename"), recursive=values.on("recursive")):
        count += 1
        try:
            info = await builder.info(session, manifest.obj, manifest.source)
        except CommandError as error:
            failures.append(error)
            continue
        obj = last_applied.annotated(info.obj) if values.on("save-config") else info.obj
        if results.dry_run(session) != "client":
            try:
                obj = await session.request(
                    "POST",
                    info.mapping.path(info.namespace),
                    params=results.write_params(session),
                    body=obj,
                )
            except StatusError as error:
                failures.append(with_source(error, "creating", info.source))
                continue
        reporter.report(info.mapping, obj, "created")
    if not count:
        raise CommandError("no objects passed to create")
    builder.raise_failures(failures)
    return None


async def _raw(session: Session) -> None:
    names = session.values.many("filename")
    if len(names) != 1:
        raise CommandError("--raw can only use a single local file or stdin")
    read = manifests.read(names)
    if len(read) != 1:
        raise CommandError("--raw needs exactly one object")
    answer = await session.request_bytes("POST", session.values.text("raw"), body=read[0].obj)
    session.print(answer.decode("utf-8", "replace"), end="")


COMMAND = Command(
    "create",
    "Create a resource from a file or from stdin",
    "kubectl create -f FILENAME [options]",
    (
        *base.FILES,
        *base.OUTPUT,
        base.SELECTOR,
        base.DRY_RUN,
        base.VALIDATE,
        base.field_manager("kubectl-create"),
        Flag("raw", help="Raw URI to POST to the server.  Uses the transport specified by the kubeconfig file."),
        Flag("save-config", "bool", help="If true, the configuration of current object will be saved in its annotation. Otherwise, the annotation will be unchanged. This flag is useful when you want to perform kubectl apply on this object in the future."),
    ),
    run,
    subcommands={**create_simple.COMMANDS, **create_workloads.COMMANDS, **create_rbac.COMMANDS},
    examples="""
        # Create a pod using the data in pod.json
        kubectl create -f ./pod.json

        # Create a pod based on the JSON passed into stdin
        cat pod.json | kubectl create -f -
    """,
)  # fmt: skip
