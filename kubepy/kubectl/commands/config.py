# ruff: noqa: E501 (help texts and sentences of kubectl are one line)
"""kubectl config: view, current-context, use-context, get-contexts."""

from __future__ import annotations

from typing import Any

from kubepy.client import kubeconfig
from kubepy.kubectl.commands.base import Command
from kubepy.kubectl.failures import CommandError, UsageError
from kubepy.kubectl.flags import Flag
from kubepy.kubectl.printers.tabwriter import table_writer
from kubepy.kubectl.session import Session, load_kubeconfig
from kubepy.machinery.meta import Obj

_SECRETS = {
    "cluster": {"certificate-authority-data": "DATA+OMITTED"},
    "user": {
        "client-certificate-data": "DATA+OMITTED",
        "client-key-data": "DATA+OMITTED",
        "token": "REDACTED",
        "password": "REDACTED",
    },
}


async def _view(session: Session, words: list[str]) -> None:
    from kubepy.kubectl.printers import json, yaml

    values = session.values
    found = load_kubeconfig(values)
    if values.on("minify"):
        found = _minified(found, values.text("context"))
    if not values.on("raw"):
        found = found | {
            section: [_redacted(entry) for entry in found.get(section) or []]
            for section in ("clusters", "users")
        }
    for section in ("clusters", "users", "contexts"):
        found[section] = found.get(section) or None
    output = values.text("output") or "yaml"
    if output == "json":
        session.print(json.render(found), end="")
    elif output == "yaml":
        session.print(yaml.render(found), end="")
    else:
        from kubepy.kubectl.printers.jsonpath import renderer

        kind, _, template = output.partition("=")
        if kind != "jsonpath":
            raise CommandError(
                f'unable to match a printer suitable for the output format "{output}", allowed formats are: json,jsonpath,yaml'
            )
        session.print(renderer(kind, template, True)(found), end="")


def _minified(found: Obj, wanted: str) -> Obj:
    name = wanted or found.get("current-context") or ""
    context = next((entry for entry in found["contexts"] if entry["name"] == name), None)
    if context is None:
        raise CommandError(
            f"cannot locate context {name}" if name else "current-context must exist in order to minify"
        )
    inner = context["context"]
    return found | {
        "current-context": name,
        "contexts": [context],
        "clusters": [entry for entry in found["clusters"] if entry["name"] == inner.get("cluster")],
        "users": [entry for entry in found["users"] if entry["name"] == inner.get("user")],
    }


def _redacted(entry: Obj) -> Obj:
    result = dict(entry)
    for kind, secrets in _SECRETS.items():
        inner: Any = result.get(kind)
        if isinstance(inner, dict):
            result[kind] = {key: secrets.get(key, value) if value else value for key, value in inner.items()}
    return result


async def _current(session: Session, words: list[str]) -> None:
    name = load_kubeconfig(session.values).get("current-context")
    if not name:
        raise CommandError("current-context is not set")
    session.print(name)


async def _use(session: Session, words: list[str]) -> None:
    if len(words) != 1:
        raise UsageError(f"unexpected args: {words}" if words else "context name is required")
    path = session.values.text("kubeconfig")
    paths = [path] if path else list(map(str, kubeconfig.default_paths()))
    merged = load_kubeconfig(session.values)
    if not any(entry.get("name") == words[0] for entry in merged.get("contexts") or []):
        raise CommandError(f'no context exists with the name: "{words[0]}"')
    # The file that says which context is current is the one to change, the first where none does.
    for candidate in paths:
        try:
            content = kubeconfig.load([candidate])
        except kubeconfig.KubeconfigError:
            continue
        if content.get("current-context") or candidate == paths[-1]:
            kubeconfig.write(candidate, content | {"current-context": words[0]})
            break
    session.print(f'Switched to context "{words[0]}".')


async def _contexts(session: Session, words: list[str]) -> None:
    found = load_kubeconfig(session.values)
    by_name = {entry["name"]: entry.get("context") or {} for entry in found.get("contexts") or []}
    for name in words:
        if name not in by_name:
            raise CommandError(f"context {name} not found")
    chosen = words or sorted(by_name)
    if session.values.text("output") == "name":
        for name in chosen:
            session.print(name)
        return
    writer = table_writer()
    if not session.values.on("no-headers"):
        writer.row(["CURRENT", "NAME", "CLUSTER", "AUTHINFO", "NAMESPACE"])
    for name in chosen:
        context = by_name[name]
        mark = "*" if name == found.get("current-context") else ""
        writer.row(
            [mark, name, context.get("cluster", ""), context.get("user", ""), context.get("namespace", "")]
        )
    session.print(writer.flush(), end="")


_OUTPUT = Flag("output", short="o", help="Output format.")

COMMAND = Command(
    "config",
    "Modify kubeconfig files using subcommands like \"kubectl config use-context my-context\"",
    "kubectl config SUBCOMMAND [options]",
    subcommands={
        "current-context": Command("current-context", "Display the current-context", run=_current, local=True),
        "get-contexts": Command("get-contexts", "Describe one or many contexts", "", (_OUTPUT, Flag("no-headers", "bool", help="When using the default or custom-column output format, don't print headers (default print headers).")), _contexts, local=True),
        "use-context": Command("use-context", "Set the current-context in a kubeconfig file", run=_use, aliases=("use",), local=True),
        "view": Command("view", "Display merged kubeconfig settings or a specified kubeconfig file", "", (_OUTPUT, Flag("minify", "bool", help="Remove all information not used by current-context from the output"), Flag("raw", "bool", help="Display raw byte data and sensitive data")), _view, local=True),
    },
)  # fmt: skip
