# ruff: noqa: E501 (help texts and sentences of kubectl are one line)
"""What a command is, and the flags that many share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kubepy.kubectl.flags import Flag

if TYPE_CHECKING:
    from kubepy.kubectl.session import Session

Run = Callable[["Session", list[str]], Awaitable[int | None]]


@dataclass(frozen=True)
class Command:
    """One command: `run` gets the session and the words that are no flags, and returns an exit code.

    With `subcommands` the next word chooses one of them, `run` serving where none is named.
    `local` commands need no server.
    """

    name: str
    summary: str
    usage: str = ""
    flags: tuple[Flag, ...] = ()
    run: Run | None = None
    subcommands: Mapping[str, Command] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    examples: str = ""
    local: bool = False


GLOBAL = (
    Flag("as", help="Username to impersonate for the operation. User could be a regular user or a service account in a namespace."),
    Flag("as-group", "array", help="Group to impersonate for the operation, this flag can be repeated to specify multiple groups."),
    Flag("as-uid", help="UID to impersonate for the operation."),
    Flag("cache-dir", help="Default cache directory"),
    Flag("certificate-authority", help="Path to a cert file for the certificate authority"),
    Flag("client-certificate", help="Path to a client certificate file for TLS"),
    Flag("client-key", help="Path to a client key file for TLS"),
    Flag("context", help="The name of the kubeconfig context to use"),
    Flag("insecure-skip-tls-verify", "bool", help="If true, the server's certificate will not be checked for validity. This will make your HTTPS connections insecure"),
    Flag("kubeconfig", help="Path to the kubeconfig file to use for CLI requests."),
    Flag("namespace", short="n", help="If present, the namespace scope for this CLI request"),
    Flag("password", help="Password for basic authentication to the API server"),
    Flag("request-timeout", "duration", help="The length of time to wait before giving up on a single server request. Non-zero values should contain a corresponding time unit (e.g. 1s, 2m, 3h). A value of zero means don't timeout requests."),
    Flag("server", short="s", help="The address and port of the Kubernetes API server"),
    Flag("tls-server-name", help="Server name to use for server certificate validation. If it is not provided, the hostname used to contact the server is used"),
    Flag("token", help="Bearer token for authentication to the API server"),
    Flag("username", help="Username for basic authentication to the API server"),
    Flag("v", "int", short="v", help="number for the log level verbosity"),
    Flag("warnings-as-errors", "bool", help="Treat warnings received from the server as errors and exit with a non-zero exit code"),
    Flag("help", "bool", short="h"),
)  # fmt: skip

FILES = (
    Flag("filename", "list", short="f", help="Filename, directory, or URL to files identifying the resource."),
    Flag("kustomize", short="k", help="Process the kustomization directory. This flag can't be used together with -f or -R."),
    Flag("recursive", "bool", short="R", help="Process the directory used in -f, --filename recursively. Useful when you want to manage related manifests organized within the same directory."),
)  # fmt: skip

OUTPUT = (
    Flag("output", short="o", help="Output format. One of: (json, yaml, name, jsonpath, jsonpath-as-json, jsonpath-file, custom-columns, custom-columns-file, wide)."),
    Flag("template", help="Template string of the jsonpath or custom-columns output."),
    Flag("allow-missing-template-keys", "bool", default=True, help="If true, ignore any errors in templates when a field or map key is missing in the template."),
    Flag("show-managed-fields", "bool", help="If true, keep the managedFields when printing objects in JSON or YAML format."),
)  # fmt: skip

SELECTOR = Flag("selector", short="l", help="Selector (label query) to filter on, supports '=', '==', and '!='.(e.g. -l key1=value1,key2=value2). Matching objects must satisfy all of the specified label constraints.")  # fmt: skip
FIELD_SELECTOR = Flag("field-selector", help="Selector (field query) to filter on, supports '=', '==', and '!='.(e.g. --field-selector key1=value1,key2=value2). The server only supports a limited number of field queries per type.")  # fmt: skip
ALL_NAMESPACES = Flag("all-namespaces", "bool", short="A", help="If present, list the requested object(s) across all namespaces. Namespace in current context is ignored even if specified with --namespace.")  # fmt: skip
ALL = Flag("all", "bool", help="Select all resources in the namespace of the specified resource types")
DRY_RUN = Flag("dry-run", default="none", bare="unchanged", help='Must be "none", "server", or "client". If client strategy, only print the object that would be sent, without sending it. If server strategy, submit server-side request without persisting the resource.')  # fmt: skip
VALIDATE = Flag("validate", default="strict", bare="strict", help="Must be one of: strict (or true), warn, ignore (or false).")  # fmt: skip
LOCAL = Flag("local", "bool", help="If true, the command will NOT contact api-server but run locally.")
TIMEOUT = Flag("timeout", "duration", help="The length of time to wait before giving up, zero means wait forever.")  # fmt: skip


def field_manager(default: str) -> Flag:
    return Flag("field-manager", default=default, help="Name of the manager used to track field ownership.")
