# ruff: noqa: E501 (help texts and sentences of kubectl are one line)
"""kubectl label and kubectl annotate: the same command for two fields of the metadata."""

from __future__ import annotations

from functools import partial

from kubepy.kubectl import builder, results
from kubepy.kubectl.builder import Info
from kubepy.kubectl.commands import base
from kubepy.kubectl.commands.base import Command
from kubepy.kubectl.failures import CommandError
from kubepy.kubectl.flags import Flag
from kubepy.kubectl.session import Session
from kubepy.machinery import meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj

_VERBS = {
    "labels": ("labeled", "unlabeled", "label"),
    "annotations": ("annotated", "annotated", "annotation"),
}


async def run(field: str, session: Session, words: list[str]) -> int | None:
    one = _VERBS[field][2]
    resources, wanted, removed = _split(words)
    if not session.values.on("list") and not wanted and not removed:
        raise CommandError(f"at least one {one} update is required")
    infos, failures, _ = await builder.read(session, resources, require_name=True)
    reporter = results.Reporter(session)
    for info in infos:
        if session.values.on("list"):
            _list(session, info, field, many=len(infos) > 1)
            continue
        try:
            verb = await _change(session, info, field, wanted, removed)
        except (StatusError, CommandError) as error:
            failures.append(error)
            continue
        reporter.report(info.mapping, info.obj, verb)
    builder.raise_failures(failures)
    return None


def _split(words: list[str]) -> tuple[list[str], dict[str, str], list[str]]:
    """Resources come first, then `key=value` and `key-`."""
    at = next((i for i, word in enumerate(words) if i and ("=" in word or word.endswith("-"))), len(words))
    if words and "=" in words[0]:
        at = 0
    wanted: dict[str, str] = {}
    removed: list[str] = []
    for word in words[at:]:
        if "=" in word:
            key, _, value = word.partition("=")
            wanted[key] = value
        elif word.endswith("-"):
            removed.append(word[:-1])
        else:
            raise CommandError("all resources must be specified before changes: " + word)
    if both := sorted(set(wanted) & set(removed)):
        raise CommandError(
            f"can not both modify and remove the following in the same command: {', '.join(both)}"
        )
    return words[:at], wanted, removed


def _list(session: Session, info: Info, field: str, *, many: bool) -> None:
    if many:
        session.print(f"Listing {field} for {info.mapping.kind}.{info.mapping.gvr.group}/{info.name}:")
    found = (info.obj.get("metadata") or {}).get(field) or {}
    for key in sorted(found):
        session.print(f"{' ' if many else ''}{key}={found[key]}")


async def _change(
    session: Session, info: Info, field: str, wanted: dict[str, str], removed: list[str]
) -> str:
    before: dict[str, str] = (info.obj.get("metadata") or {}).get(field) or {}
    labeled, unlabeled, one = _VERBS[field]
    if not session.values.on("overwrite"):
        for key, value in wanted.items():
            if key in before and before[key] != value:
                if field == "labels":
                    raise CommandError(
                        f"'{key}' already has a value ({before[key]}), and --overwrite is false"
                    )
                raise CommandError(
                    "--overwrite is false but found the following declared annotation(s): "
                    + f"'{key}' already has a value ({before[key]})"
                )
    for key in removed:
        if key not in before:
            session.print(f'{one} "{key}" not found.')
    after = {key: value for key, value in {**before, **wanted}.items() if key not in removed}
    version = session.values.text("resource-version")
    if version and version != meta.resource_version(info.obj):
        raise CommandError(f"the resource version has changed: it is {meta.resource_version(info.obj)}")
    if after == before and field == "labels":
        return "not labeled"
    if results.dry_run(session) != "client":
        changes: Obj = {**wanted, **dict.fromkeys((key for key in removed if key in before), None)}
        info.obj = await session.request(
            "PATCH",
            info.path,
            params=results.write_params(session),
            body={"metadata": {field: changes}},
            content_type="application/merge-patch+json",
        )
    return labeled if wanted else unlabeled


def _make(name: str, summary: str, field: str) -> Command:
    return Command(
        name,
        summary,
        f"kubectl {name} [--overwrite] (-f FILENAME | TYPE NAME) KEY_1=VAL_1 ... KEY_N=VAL_N [--resource-version=version] [options]",
        (
            *base.FILES,
            *base.OUTPUT,
            base.SELECTOR,
            base.FIELD_SELECTOR,
            base.ALL_NAMESPACES,
            base.ALL,
            base.DRY_RUN,
            base.field_manager(f"kubectl-{name}"),
            Flag("list", "bool", help=f"If true, display the {field} for a given resource."),
            Flag("overwrite", "bool", help=f"If true, allow {field} to be overwritten, otherwise reject updates that overwrite existing ones."),
            Flag("resource-version", help="If non-empty, the update will only succeed if this is the current resource-version for the object."),
        ),
        partial(run, field),
    )  # fmt: skip


LABEL = _make("label", "Update the labels on a resource", "labels")
ANNOTATE = _make("annotate", "Update the annotations on a resource", "annotations")
