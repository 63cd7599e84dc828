"""kubectl api-resources."""

from __future__ import annotations

from kubepy.kubectl.commands.base import Command
from kubepy.kubectl.discovery import Mapping
from kubepy.kubectl.failures import CommandError
from kubepy.kubectl.flags import Flag
from kubepy.kubectl.printers.tabwriter import table_writer
from kubepy.kubectl.session import Session


async def run(session: Session, words: list[str]) -> int | None:
    if words:
        raise CommandError(f"unexpected arguments: [{' '.join(words)}]")
    chosen = [mapping for mapping in await session.discovery.preferred() if _wanted(session, mapping)]
    if session.values.text("sort-by") == "kind":
        chosen.sort(key=lambda mapping: (mapping.kind, mapping.gvr.group))
    else:
        chosen.sort(key=lambda mapping: (mapping.gvr.group, mapping.gvr.resource))
    output = session.values.text("output")
    if output == "name":
        for mapping in chosen:
            session.print(str(mapping.gr))
        return None
    if output not in ("", "wide"):
        raise CommandError(f"--output {output} is not available")
    writer = table_writer()
    wide = output == "wide"
    if not session.values.on("no-headers"):
        more = ["VERBS", "CATEGORIES"] if wide else []
        writer.row(["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND", *more])
    for mapping in chosen:
        cells = [
            mapping.gvr.resource,
            ",".join(mapping.short_names),
            mapping.gvr.api_version,
            "true" if mapping.namespaced else "false",
            mapping.kind,
        ]
        if wide:
            cells += [",".join(mapping.verbs), ",".join(mapping.categories)]
        writer.row(cells)
    session.print(writer.flush(), end="")
    return None


def _wanted(session: Session, mapping: Mapping) -> bool:
    values = session.values
    if values.given("namespaced") and mapping.namespaced != values.on("namespaced"):
        return False
    if values.given("api-group") and mapping.gvr.group != values.text("api-group"):
        return False
    if not set(values.many("verbs")) <= set(mapping.verbs) or not mapping.verbs:
        return False
    return set(values.many("categories")) <= set(mapping.categories)


COMMAND = Command(
    "api-resources",
    "Print the supported API resources on the server",
    "kubectl api-resources [flags] [options]",
    (
        Flag("api-group", help="Limit to resources in the specified API group."),
        Flag("categories", "list", help="Limit to resources that belong to the specified categories."),
        Flag("namespaced", "bool", default=True, help="If false, non-namespaced resources will be returned."),
        Flag("no-headers", "bool", help="Don't print headers (default print headers)."),
        Flag("output", short="o", help="Output format. One of: (wide, name)."),
        Flag("sort-by", help="Sort list of resources using specified field: name or kind."),
        Flag("verbs", "list", help="Limit to resources that support the specified verbs."),
    ),
    run,
)
