# ruff: noqa: E501 (help texts and sentences of kubectl are one line)
"""kubectl create namespace, configmap, secret, serviceaccount, quota, priorityclass, poddisruptionbudget, token."""

from __future__ import annotations

import base64
import json as jsonlib
from pathlib import Path

from kubepy.kubectl import generating
from kubepy.kubectl.commands.base import Command
from kubepy.kubectl.failures import CommandError
from kubepy.kubectl.flags import Flag
from kubepy.kubectl.session import Session
from kubepy.machinery.meta import Obj

_DATA = (
    Flag("from-file", "array", help="Key files can be specified using their file path, in which case a default name will be given to them, or optionally with a name and file path."),
    Flag("from-literal", "array", help="Specify a key and literal value to insert (i.e. mykey=somevalue)"),
    Flag("from-env-file", "array", help="Specify the path to a file to read lines of key=val pairs."),
)  # fmt: skip


async def _namespace(session: Session, words: list[str]) -> None:
    name = generating.exactly_one_name(words)
    obj = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": generating.metadata(name),
        "spec": {},
        "status": {},
    }
    await generating.create(session, obj, "namespaces", namespaced=False)


def _contents(session: Session) -> dict[str, bytes]:
    values = session.values
    if values.many("from-env-file") and (values.many("from-file") or values.many("from-literal")):
        raise CommandError("from-env-file cannot be combined with from-file or from-literal")
    found: dict[str, bytes] = {}
    for part in (
        generating.literal_contents(values.many("from-literal")),
        generating.file_contents(values.many("from-file")),
        generating.env_contents(values.many("from-env-file")),
    ):
        for key, value in part.items():
            if key in found:
                raise CommandError(f'cannot add key "{key}", another key by that name already exists in Data')
            found[key] = value
    return found


async def _configmap(session: Session, words: list[str]) -> None:
    name = generating.exactly_one_name(words)
    data, binary = generating.split_text(_contents(session))
    obj: Obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": generating.metadata(name)}
    if data:
        obj["data"] = data
    if binary:
        obj["binaryData"] = binary
    await generating.create(session, obj, "configmaps")


async def _secret(session: Session, name: str, contents: dict[str, bytes], kind: str = "") -> None:
    obj: Obj = {"apiVersion": "v1", "kind": "Secret", "metadata": generating.metadata(name)}
    if contents:
        obj["data"] = generating.encoded(contents)
    if kind:
        obj["type"] = kind
    await generating.create(session, obj, "secrets")


async def _generic(session: Session, words: list[str]) -> None:
    name = generating.exactly_one_name(words)
    await _secret(session, name, _contents(session), session.values.text("type"))


async def _tls(session: Session, words: list[str]) -> None:
    name = generating.exactly_one_name(words)
    values = session.values
    if not values.text("key") or not values.text("cert"):
        raise CommandError("key and cert must be specified")
    contents = {
        "tls.crt": Path(values.text("cert")).read_bytes(),
        "tls.key": Path(values.text("key")).read_bytes(),
    }
    await _secret(session, name, contents, "kubernetes.io/tls")


async def _docker_registry(session: Session, words: list[str]) -> None:
    name = generating.exactly_one_name(words)
    values = session.values
    contents = generating.file_contents(values.many("from-file"))
    if not contents:
        user, password = values.text("docker-username"), values.text("docker-password")
        if not user or not password:
            raise CommandError(
                "either --from-file or the combination of --docker-username, --docker-password and --docker-server is required"
            )
        entry = {"username": user, "password": password}
        if values.text("docker-email"):
            entry["email"] = values.text("docker-email")
        entry["auth"] = base64.b64encode(f"{user}:{password}".encode()).decode()
        config = {"auths": {values.text("docker-server"): entry}}
        contents = {".dockerconfigjson": jsonlib.dumps(config, separators=(",", ":")).encode()}
    await _secret(session, name, contents, "kubernetes.io/dockerconfigjson")


async def _service_account(session: Session, words: list[str]) -> None:
    name = generating.exactly_one_name(words)
    obj = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": generating.metadata(name)}
    await generating.create(session, obj, "serviceaccounts")


async def _quota(session: Session, words: list[str]) -> None:
    name = generating.exactly_one_name(words)
    values = session.values
    spec: Obj = {}
    if hard := generating.pairs(values.many("hard"), "argument format"):
        spec["hard"] = dict(hard)
    if values.many("scopes"):
        spec["scopes"] = values.many("scopes")
    obj = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": generating.metadata(name),
        "spec": spec,
        "status": {},
    }
    await generating.create(session, obj, "resourcequotas")


async def _priority_class(session: Session, words: list[str]) -> None:
    name = generating.exactly_one_name(words)
    values = session.values
    obj: Obj = {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": generating.metadata(name),
        "value": values.number("value"),
        "preemptionPolicy": values.text("preemption-policy"),
    }
    if values.on("global-default"):
        obj["globalDefault"] = True
    if values.text("description"):
        obj["description"] = values.text("description")
    await generating.create(session, obj, "priorityclasses", namespaced=False)


async def _disruption_budget(session: Session, words: list[str]) -> None:
    from kubepy.kubectl.selecting import label_selector

    name = generating.exactly_one_name(words)
    values = session.values
    given = [flag for flag in ("min-available", "max-unavailable") if values.text(flag)]
    if len(given) != 1:
        text = "one of min-available or max-unavailable must be specified"
        raise CommandError(
            text if not given else "min-available and max-unavailable cannot be both specified"
        )
    if not values.text("selector"):
        raise CommandError("a selector must be specified")
    field = {"min-available": "minAvailable", "max-unavailable": "maxUnavailable"}[given[0]]
    amount = values.text(given[0])
    spec: Obj = {
        field: int(amount) if amount.isdigit() else amount,
        "selector": label_selector(values.text("selector")),
    }
    obj = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": generating.metadata(name), "spec": spec,
           "status": {"currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0}}  # fmt: skip
    await generating.create(session, obj, "poddisruptionbudgets")


async def _token(session: Session, words: list[str]) -> None:
    name = generating.exactly_one_name(words)
    values = session.values
    spec: Obj = {}
    if values.many("audience"):
        spec["audiences"] = values.many("audience")
    if values.seconds("duration"):
        spec["expirationSeconds"] = int(values.seconds("duration"))
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    path = f"/api/v1/namespaces/{session.namespace}/serviceaccounts/{name}/token"
    answer = await session.request("POST", path, body=request)
    session.print(answer["status"]["token"])


def _make(name: str, summary: str, run: object, *flags: Flag, aliases: tuple[str, ...] = ()) -> Command:
    return Command(name, summary, "", (*generating.FLAGS, *flags), run, aliases=aliases)  # type: ignore[arg-type]


_SECRETS = {
    "generic": _make("generic", "Create a secret from a local file, directory, or literal value", _generic, *_DATA, Flag("type", help="The type of secret to create")),
    "tls": _make("tls", "Create a TLS secret", _tls, Flag("cert", help="Path to PEM encoded public key certificate."), Flag("key", help="Path to private key associated with given certificate.")),
    "docker-registry": _make("docker-registry", "Create a secret for use with a Docker registry", _docker_registry,
        Flag("docker-username", help="Username for Docker registry authentication"), Flag("docker-password", help="Password for Docker registry authentication"),
        Flag("docker-email", help="Email for Docker registry"), Flag("docker-server", default="https://index.docker.io/v1/", help="Server location for Docker registry"),
        Flag("from-file", "array", help="Key files can be specified using their file path.")),
}  # fmt: skip

COMMANDS = {
    "namespace": _make("namespace", "Create a namespace with the specified name", _namespace, aliases=("ns",)),
    "configmap": _make("configmap", "Create a config map from a local file, directory or literal value", _configmap, *_DATA, aliases=("cm",)),
    "secret": Command("secret", "Create a secret using a specified subcommand", subcommands=_SECRETS),
    "serviceaccount": _make("serviceaccount", "Create a service account with the specified name", _service_account, aliases=("sa",)),
    "quota": _make("quota", "Create a quota with the specified name", _quota, Flag("hard", "list", help="A comma-delimited set of resource=quantity pairs that define a hard limit."), Flag("scopes", "list", help="A comma-delimited set of quota scopes that must all match each object tracked by the quota."), aliases=("resourcequota",)),
    "priorityclass": _make("priorityclass", "Create a priority class with the specified name", _priority_class, Flag("value", "int", help="the value of this priority class."), Flag("global-default", "bool", help="global-default specifies whether this PriorityClass should be considered as the default priority."), Flag("description", help="description is an arbitrary string that usually provides guidelines on when this priority class should be used."), Flag("preemption-policy", default="PreemptLowerPriority", help="preemption-policy is the policy for preempting pods with lower priority."), aliases=("pc",)),
    "poddisruptionbudget": _make("poddisruptionbudget", "Create a pod disruption budget with the specified name", _disruption_budget, Flag("min-available", help="The minimum number or percentage of available pods this budget requires."), Flag("max-unavailable", help="The maximum number or percentage of unavailable pods this budget requires."), Flag("selector", help="A label selector to use for this budget."), aliases=("pdb",)),
    "token": _make("token", "Request a service account token", _token, Flag("audience", "array", help="Audience of the requested token."), Flag("duration", "duration", help="Requested lifetime of the issued token.")),
}  # fmt: skip
