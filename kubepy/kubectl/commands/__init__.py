"""The commands, one file each. `find` imports only the one that was asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from kubepy.kubectl.commands.base import Command

#: The groups of `kubectl --help`: heading, then name and summary of each command.
GROUPS: tuple[tuple[str, dict[str, str]], ...] = (
    (
        "Basic Commands (Beginner):",
        {
            "create": "Create a resource from a file or from stdin",
        },
    ),
    (
        "Basic Commands (Intermediate):",
        {
            "get": "Display one or many resources",
            "delete": "Delete resources by file names, stdin, resources and names, or by resources and label "
            "selector",
        },
    ),
    (
        "Deploy Commands:",
        {
            "rollout": "Manage the rollout of a resource",
            "scale": "Set a new size for a deployment, replica set, or replication controller",
        },
    ),
    (
        "Cluster Management Commands:",
        {
            "cluster-info": "Display cluster information",
            "cordon": "Mark node as unschedulable",
            "uncordon": "Mark node as schedulable",
        },
    ),
    (
        "Troubleshooting and Debugging Commands:",
        {
            "describe": "Show details of a specific resource or group of resources",
            "logs": "Print the logs for a container in a pod",
            "attach": "Attach to a running container",
            "exec": "Execute a command in a container",
        },
    ),
    (
        "Advanced Commands:",
        {
            "apply": "Apply a configuration to a resource by file name or stdin",
            "patch": "Update fields of a resource",
            "wait": "Experimental: Wait for a specific condition on one or many resources",
        },
    ),
    (
        "Settings Commands:",
        {
            "label": "Update the labels on a resource",
            "annotate": "Update the annotations on a resource",
        },
    ),
    (
        "Other Commands:",
        {
            "api-resources": "Print the supported API resources on the server",
            "api-versions": 'Print the supported API versions on the server, in the form of "group/version"',
            "config": "Modify kubeconfig files",
            "version": "Print the client and server version information",
        },
    ),
)

_ALIASES = {"log": "logs"}
_MODULES = {"uncordon": "cordon", "annotate": "label"}


def names() -> list[str]:
    """All commands."""
    return [name for _, commands in GROUPS for name in commands]


def find(name: str) -> Command | None:
    """Import and return a command, None when there is none of that name."""
    name = _ALIASES.get(name, name)
    if name not in names():
        return None
    module = importlib.import_module(
        f"kubepy.kubectl.commands.{_MODULES.get(name, name).replace('-', '_').replace('exec', 'exec_')}"
    )
    attribute = name.upper().replace("-", "_") if name in _MODULES or name in _MODULES.values() else "COMMAND"
    return cast("Command", getattr(module, attribute))
