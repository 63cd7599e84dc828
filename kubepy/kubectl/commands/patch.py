# ruff: noqa: E501 (help texts and sentences of kubectl are one line)
"""kubectl patch."""

from __future__ import annotations

from pathlib import Path

from kubepy.kubectl import builder, manifests, results
from kubepy.kubectl.commands import base
from kubepy.kubectl.commands.base import Command
from kubepy.kubectl.failures import CommandError
from kubepy.kubectl.flags import Flag
from kubepy.kubectl.session import Session
from kubepy.machinery import meta
from kubepy.machinery.errors import StatusError

TYPES = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}


async def run(session: Session, words: list[str]) -> int | None:
    values = session.values
    if not values.text("patch") and not values.text("patch-file"):
        raise CommandError("must specify --patch or --patch-file containing the contents of the patch")
    if values.text("patch") and values.text("patch-file"):
        raise CommandError("cannot specify --patch and --patch-file together")
    if values.text("type") not in TYPES:
        raise CommandError(f'--type must be one of [json merge strategic], not "{values.text("type")}"')
    text = values.text("patch") or Path(values.text("patch-file")).read_text(encoding="utf-8")
    try:
        patch = manifests.load_value(text)
    except ValueError as error:
        raise CommandError(f'unable to parse "{text}": {error}') from None
    reporter = results.Reporter(session)
    infos, failures, _ = await builder.read(session, words, require_name=True)
    for info in infos:
        path = info.mapping.path(info.namespace, info.name, values.text("subresource"))
        before = meta.resource_version(info.obj)
        try:
            if results.dry_run(session) != "client":
                info.obj = await session.request(
                    "PATCH",
                    path,
                    params=results.write_params(session),
                    body=patch,
                    content_type=TYPES[values.text("type")],
                )
        except StatusError as error:
            failures.append(error)
            continue
        changed = meta.resource_version(info.obj) != before or results.dry_run(session) == "client"
        reporter.report(info.mapping, info.obj, "patched" if changed else "patched (no change)")
    if not infos and not failures:
        raise CommandError("no objects passed to patch")
    builder.raise_failures(failures)
    return None


COMMAND = Command(
    "patch",
    "Update fields of a resource",
    "kubectl patch (-f FILENAME | TYPE NAME) [-p PATCH|--patch-file FILE] [options]",
    (
        *base.FILES,
        *base.OUTPUT,
        base.DRY_RUN,
        base.field_manager("kubectl-patch"),
        Flag("patch", short="p", help="The patch to be applied to the resource JSON file."),
        Flag("patch-file", help="A file containing a patch to be applied to the resource."),
        Flag("type", default="strategic", help="The type of patch being provided; one of [json merge strategic]"),
        Flag("subresource", help="If specified, patch will operate on the subresource of the requested object."),
    ),
    run,
)  # fmt: skip
