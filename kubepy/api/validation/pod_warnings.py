"""Warnings about pods and templates that are valid but probably not what was meant."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from kubepy.api.validation.claims import claim_warnings
from kubepy.api.validation.pod_annotations import APPARMOR, SECCOMP_CONTAINER, SECCOMP_POD
from kubepy.api.validation.security import all_containers
from kubepy.api.validation.service_warnings import ip_warnings
from kubepy.machinery import names
from kubepy.machinery.field_errors import quote
from kubepy.machinery.meta import Obj
from kubepy.machinery.quantity import Quantity

_DEPRECATED_NODE_LABELS = {
    "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
    "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
    "failure-domain.beta.kubernetes.io/region": (
        'deprecated since v1.17; use "topology.kubernetes.io/region" instead'
    ),
    "failure-domain.beta.kubernetes.io/zone": (
        'deprecated since v1.17; use "topology.kubernetes.io/zone" instead'
    ),
    "beta.kubernetes.io/instance-type": (
        'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead'
    ),
}
_DEPRECATED_ANNOTATIONS = {
    "scheduler.alpha.kubernetes.io/critical-pod": (
        'non-functional in v1.16+; use the "priorityClassName" field instead'
    ),
    "security.alpha.kubernetes.io/sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
    "security.alpha.kubernetes.io/unsafe-sysctls": (
        'non-functional in v1.11+; use the "sysctls" field instead'
    ),
}
# Each source as it stands in a pod, as the warning writes it, and since when.
_DEPRECATED_VOLUMES = {
    "photonPersistentDisk": ("photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"),
    "gitRepo": ("gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"),
    "scaleIO": ("scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
    "flocker": ("flocker", "deprecated in v1.22, non-functional in v1.25+"),
    "storageos": ("storageOS", "deprecated in v1.22, non-functional in v1.25+"),
    "quobyte": ("quobyte", "deprecated in v1.22, non-functional in v1.25+"),
    "glusterfs": ("glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
    "cephfs": ("cephfs", "deprecated in v1.28, non-functional in v1.31+"),
    "rbd": ("rbd", "deprecated in v1.28, non-functional in v1.31+"),
}
_NOTHING: Obj = {}
_FRACTIONS = ("n", "u", "m")
_BYTES = ("memory", "ephemeral-storage")
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def pod_warnings(pod: Obj, of_spec: Sequence[str] | None = None) -> list[str]:
    """Return the warnings of a pod; `of_spec` are those of its spec where they are known already."""
    metadata = pod.get("metadata") or {}
    found = spec_warnings(pod.get("spec") or {}, metadata) if of_spec is None else list(of_spec)
    return [*name_warnings(metadata, "the Pod's hostname"), *found] if _is_new_odd(metadata) else found


def _is_new_odd(metadata: Obj) -> bool:
    """True for an object without a revision yet whose name is no DNS label."""
    return not metadata.get("resourceVersion") and bool(names.dns_label(metadata.get("name") or ""))


def name_warnings(metadata: Obj, used_in: str) -> list[str]:
    """Return the warning that a new object's name will not do for what is made of it."""
    name = metadata.get("name") or ""
    if not name or not _is_new_odd(metadata):
        return []
    messages = " ".join(names.dns_label(name))
    return [
        f"metadata.name: this is used in {used_in}, which can result in surprising behavior; a DNS label is "
        f"recommended: [{messages}]"
    ]


def template_warnings(*path: str, named: bool = True) -> Callable[[Obj], list[str]]:
    """Return a function that gives the warnings of the pod template at a path of an object.

    `named`: pods are named after the object, and its name is looked at too.
    """

    def warnings(obj: Obj) -> list[str]:
        holder = obj
        for field in path:
            holder = holder.get(field) or {}
        found = spec_warnings(holder.get("spec") or {}, holder.get("metadata") or {}, f"{'.'.join(path)}.")
        metadata = obj.get("metadata") or {}
        if named and _is_new_odd(metadata):
            return [*name_warnings(metadata, "Pod names and hostnames"), *found]
        return found

    return warnings


def spec_warnings(spec: Obj, metadata: Obj, prefix: str = "") -> list[str]:
    """Return the warnings of a spec, and of annotations that speak of it."""
    path = f"{prefix}spec"
    found: list[str] = []
    if "nodeSelector" in spec:
        found += [
            f"{path}.nodeSelector[{label}]: {_DEPRECATED_NODE_LABELS[label]}"
            for label in spec["nodeSelector"]
            if label in _DEPRECATED_NODE_LABELS
        ]
    if "affinity" in spec:
        found += _affinity(spec["affinity"].get("nodeAffinity") or {}, f"{path}.affinity.nodeAffinity")
    if "topologySpreadConstraints" in spec:
        found += _spread(spec["topologySpreadConstraints"], f"{path}.topologySpreadConstraints")
    annotations = metadata.get("annotations")
    if annotations:
        found += [
            f"{prefix}metadata.annotations[{key}]: {_DEPRECATED_ANNOTATIONS[key]}"
            for key in _DEPRECATED_ANNOTATIONS
            if key in annotations
        ]
    if "volumes" in spec:
        found += _volumes(spec["volumes"], f"{path}.volumes")
    if "hostAliases" in spec or "imagePullSecrets" in spec:
        found += _repeated(spec, path)
    if "overhead" in spec:
        found += _fractions(spec["overhead"], f"{path}.overhead")
    if annotations:
        found += _profiles(spec, annotations, prefix)
    ports = 0
    for field in ("initContainers", "containers", "ephemeralContainers"):
        if field in spec:
            for index, container in enumerate(spec[field]):
                found += _container(container, f"{path}.{field}[{index}]")
                if "ports" in container:
                    ports += len(container["ports"])
    if ports > 1:
        found += _ports(spec, path)
    grace = spec.get("terminationGracePeriodSeconds")
    if grace is not None and grace < 0:
        found.append(
            f"{path}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be "
            "treated as 1"
        )
    dns = spec.get("dnsConfig")
    for index, server in enumerate(dns.get("nameservers") or ()) if dns else ():
        found += ip_warnings(f"{path}.dnsConfig.nameservers[{index}]", server)
    return found


def _terms(affinity: Obj, path: str) -> Iterator[tuple[Obj, str]]:
    needed = (affinity.get(_REQUIRED) or {}).get("nodeSelectorTerms") or ()
    for index, term in enumerate(needed):
        yield term, f"{path}.{_REQUIRED}.nodeSelectorTerms[{index}]"
    for index, term in enumerate(affinity.get(_PREFERRED) or ()):
        yield term.get("preference") or {}, f"{path}.{_PREFERRED}[{index}].preference"


def _affinity(affinity: Obj, path: str) -> list[str]:
    return [
        f"{at}.matchExpressions[{index}].key: {key} is {_DEPRECATED_NODE_LABELS[key]}"
        for term, at in _terms(affinity, path)
        for index, expression in enumerate(term.get("matchExpressions") or ())
        if (key := expression.get("key")) in _DEPRECATED_NODE_LABELS
    ]


def _spread(constraints: list[Obj], path: str) -> list[str]:
    found: list[str] = []
    for index, constraint in enumerate(constraints):
        key = constraint.get("topologyKey") or ""
        if key in _DEPRECATED_NODE_LABELS:
            found.append(f"{path}[{index}].topologyKey: {key} is {_DEPRECATED_NODE_LABELS[key]}")
        if "labelSelector" not in constraint:
            found.append(f"{path}[{index}].labelSelector: a null labelSelector results in matching no pod")
    return found


def _volumes(volumes: list[Obj], path: str) -> list[str]:
    found: list[str] = []
    tokens: set[str] = set()
    files: set[str] = set()
    for index, volume in enumerate(volumes):
        for kind in volume:
            if kind in _DEPRECATED_VOLUMES:
                shown, since = _DEPRECATED_VOLUMES[kind]
                found.append(f"{path}[{index}].{shown}: {since}")
        if "ephemeral" in volume:
            template = volume["ephemeral"].get("volumeClaimTemplate") or {}
            at = f"{path}[{index}].ephemeral.volumeClaimTemplate.spec"
            found += claim_warnings(template.get("spec") or {}, at)
        if "projected" in volume:
            for source in volume["projected"].get("sources") or ():
                for kind, part in source.items():
                    if kind == "serviceAccountToken":
                        tokens.add(part.get("path") or "")
                    elif "items" in part:
                        files.update([item.get("path") for item in part["items"]])
    return found + (_shadowed_tokens(volumes, tokens, path) if tokens & files else [])


def _shadowed_tokens(volumes: list[Obj], tokens: set[str], path: str) -> list[str]:
    found: list[str] = []
    for index, volume in enumerate(volumes):
        for source in (volume.get("projected") or {}).get("sources") or ():
            for kind, shown in (
                ("configMap", "configMap"),
                ("secret", "secrets"),
                ("downwardAPI", "downwardAPI"),
            ):
                found += [
                    f"{path}[{index}].projected.sources.{shown}[{position}]: has duplicated path with "
                    f"ServiceAccountToken {quote(item['path'])}"
                    for position, item in enumerate((source.get(kind) or {}).get("items") or ())
                    if item.get("path") in tokens
                ]
    return found


def _repeated(spec: Obj, path: str) -> list[str]:
    found: list[str] = []
    aliases, secrets = spec.get("hostAliases") or (), spec.get("imagePullSecrets") or ()
    addresses = [alias.get("ip") or "" for alias in aliases]
    found += [
        f"{path}.hostAliases[{index}].ip: duplicate ip {quote(address)}"
        for index, address in enumerate(addresses)
        if address in addresses[:index]
    ]
    secret_names = [secret.get("name") or "" for secret in secrets]
    found += [
        f"{path}.imagePullSecrets[{index}].name: duplicate name {quote(name)}"
        for index, name in enumerate(secret_names)
        if name in secret_names[:index]
    ]
    found += [
        f'{path}.imagePullSecrets[{index}].name: invalid empty name ""'
        for index, name in enumerate(secret_names)
        if not name
    ]
    return found


def _fractions(amounts: Obj, path: str) -> list[str]:
    return [
        f"{path}[{name}]: fractional byte value {quote(amounts[name])} is invalid, must be an integer"
        for name in _BYTES
        if name in amounts and Quantity.parse(amounts[name]).milli_value() % 1000
    ]


def _profiles(spec: Obj, annotations: Obj, prefix: str) -> list[str]:
    """Annotations that fields have replaced, where the field is not set."""
    pod = spec.get("securityContext") or {}
    at = f"{prefix}metadata.annotations"
    instead = 'non-functional in v1.27+; use the "seccompProfile" field instead'
    found: list[str] = []
    if SECCOMP_POD in annotations and "seccompProfile" not in pod:
        found.append(f"{at}[{SECCOMP_POD}]: {instead}")
    for container, _ in all_containers(spec, ""):
        own = container.get("securityContext") or {}
        key = f"{SECCOMP_CONTAINER}{container.get('name')}"
        if key in annotations and "seccompProfile" not in own:
            found.append(f"{at}[{key}]: {instead}")
        key = f"{APPARMOR}{container.get('name')}"
        if key in annotations and "appArmorProfile" not in own and "appArmorProfile" not in pod:
            found.append(f'{at}[{key}]: deprecated since v1.30; use the "appArmorProfile" field instead')
    return found


def _container(container: Obj, path: str) -> list[str]:
    found: list[str] = []
    resources = container.get("resources")
    if resources:
        for name in _BYTES:
            for field in ("limits", "requests"):
                amount = (resources.get(field) or _NOTHING).get(name)
                # A canonical amount is fractional only with one of these suffixes.
                if amount is not None and amount[-1:] in _FRACTIONS and _is_fractional(amount):
                    found.append(
                        f"{path}.resources.{field}[{name}]: fractional byte value {quote(amount)} is "
                        "invalid, must be an integer"
                    )
    variables = container.get("env")
    if not variables or len(variables) < 2:
        return found
    seen: set[str] = set()
    for index, variable in enumerate(variables):
        name = variable.get("name") or ""
        # A value that refers to the one before it builds on it; any other hides it.
        if name in seen and ("valueFrom" in variable or not _extends(name, variable.get("value") or "")):
            found.append(
                f"{path}.env[{index}]: hides previous definition of {quote(name)}, which may be dropped when "
                "using apply"
            )
        seen.add(name)
    return found


def _is_fractional(amount: str) -> bool:
    return bool(Quantity.parse(amount).milli_value() % 1000)


def _extends(name: str, value: str) -> bool:
    reference = f"$({name})"
    return value != reference and reference in value


def _ports(spec: Obj, path: str) -> list[str]:
    found: list[str] = []
    known: dict[tuple[int, str], list[tuple[str, Obj]]] = {}
    for container, where in all_containers(spec, path):
        for index, port in enumerate(container.get("ports") or ()):
            at = f"{where}.ports[{index}]"
            others = known.setdefault((port.get("containerPort") or 0, port.get("protocol") or ""), [])
            found += [text for other, was in others if (text := _overlap(at, port, other, was))]
            others.append((at, port))
    return found


def _overlap(at: str, port: Obj, other: str, was: Obj) -> str:
    host, host_before = port.get("hostPort") or 0, was.get("hostPort") or 0
    ip, ip_before = port.get("hostIP") or "", was.get("hostIP") or ""
    if (ip, host) == (ip_before, host_before):
        return f"{at}: duplicate port definition with {other}"
    if not host or not host_before:
        return f"{at}: overlapping port definition with {other}"
    anywhere = ("", "0.0.0.0", "::")
    if host == host_before and (ip in anywhere or ip_before in anywhere):
        return f"{at}: dangerously ambiguous port definition with {other}"
    return ""
