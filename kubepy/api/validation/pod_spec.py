"""Rules of a pod's spec, as pods and templates have it, and of templates."""

from __future__ import annotations

from kubepy.api.validation.containers import (
    PodContext,
    validate_containers,
    validate_ephemeral_containers,
    validate_init_containers,
)
from kubepy.api.validation.formats import (
    dns_label,
    dns_subdomain,
    in_range,
    qualified_name,
    underscore_subdomain,
    valid_ip,
)
from kubepy.api.validation.objectmeta import validate_annotations, validate_labels
from kubepy.api.validation.pod_annotations import (
    validate_annotations_match_fields,
    validate_pod_annotations,
)
from kubepy.api.validation.pod_resources import validate_pod_resources
from kubepy.api.validation.resource_lists import validate_requirements
from kubepy.api.validation.rules import all_messages
from kubepy.api.validation.scheduling_constraints import (
    validate_affinity,
    validate_scheduling_gates,
    validate_spread,
    validate_tolerations,
)
from kubepy.api.validation.security import all_containers, validate_host_users, validate_pod_context
from kubepy.api.validation.volumes import validate_volumes
from kubepy.api.validation.windows import validate_host_process, validate_os
from kubepy.machinery import names
from kubepy.machinery.field_errors import (
    Cause,
    duplicate,
    forbidden_field,
    invalid_value,
    not_supported,
    required,
    too_long,
)
from kubepy.machinery.meta import Obj

RESTART_POLICIES = ("Always", "OnFailure", "Never")
PREEMPTION_POLICIES = ("PreemptLowerPriority", "Never")
_DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_MAX_NAMESERVERS = 3
_MAX_SEARCHES = 32
_MAX_SEARCH_CHARACTERS = 2048
_MAX_HOSTNAME = 64
_MAX_INT32 = 2**31 - 1


def validate_pod_spec(spec: Obj, path: str, pod: Obj | None = None) -> list[Cause]:
    """Check a pod's spec, or a template's (then `pod` is None)."""
    causes: list[Cause] = []
    grace = spec.get("terminationGracePeriodSeconds")
    if grace is None:
        causes.append(required(f"{path}.terminationGracePeriodSeconds"))
    volumes: dict[str, Obj] = {}
    if "volumes" in spec:
        volumes, wrong = validate_volumes(spec["volumes"], f"{path}.volumes", pod)
        causes += wrong
    claims: set[str] = set()
    if "resourceClaims" in spec:
        claims = {claim["name"] for claim in spec["resourceClaims"] if claim.get("name")}
        causes += _resource_claims(spec["resourceClaims"], f"{path}.resourceClaims")
    restart = spec.get("restartPolicy") or ""
    os = (spec.get("os") or {}).get("name") or ""
    context = PodContext(volumes, claims, grace, restart, spec.get("hostUsers") is not False, os)
    containers = spec.get("containers") or []
    causes += validate_containers(containers, f"{path}.containers", context)
    if init := spec.get("initContainers"):
        causes += validate_init_containers(init, containers, f"{path}.initContainers", context)
    if spec.get("ephemeralContainers"):
        causes += validate_ephemeral_containers(spec, f"{path}.ephemeralContainers", context)
    if resources := spec.get("resources"):
        causes += validate_pod_resources(spec, resources, f"{path}.resources")
    if spec.get("hostNetwork"):
        causes += _host_network_ports(containers, f"{path}.containers", pod is not None)
    if restart not in RESTART_POLICIES:
        at = f"{path}.restartPolicy"
        causes.append(not_supported(at, restart, RESTART_POLICIES) if restart else required(at))
    dns = spec.get("dnsPolicy")
    if dns not in _DNS_POLICIES:
        at = f"{path}.dnsPolicy"
        causes.append(not_supported(at, dns, _DNS_POLICIES) if dns else required(at))
    if selector := spec.get("nodeSelector"):
        causes += validate_labels(selector, f"{path}.nodeSelector")
    causes += _security(spec, path)
    if affinity := spec.get("affinity"):
        causes += validate_affinity(affinity, f"{path}.affinity")
    if dns == "None" or "dnsConfig" in spec:
        causes += _dns_config(spec.get("dnsConfig"), dns or "", f"{path}.dnsConfig")
    for index, gate in enumerate(spec.get("readinessGates") or ()):
        at = f"{path}.readinessGates[{index}].conditionType"
        causes += qualified_name(gate.get("conditionType") or "", at)
    if gates := spec.get("schedulingGates"):
        causes += validate_scheduling_gates(gates, f"{path}.schedulingGates")
    if constraints := spec.get("topologySpreadConstraints"):
        causes += validate_spread(constraints, f"{path}.topologySpreadConstraints")
    if "hostUsers" in spec:
        causes += validate_host_users(spec, path)
    causes += _identity(spec, path)
    if tolerations := spec.get("tolerations"):
        causes += validate_tolerations(tolerations, f"{path}.tolerations")
    return causes + _rest(spec, path)


def _security(spec: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    security = spec.get("securityContext")
    if security:
        causes += validate_pod_context(security, spec, f"{path}.securityContext")
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        at = f"{path}.securityContext.shareProcessNamespace"
        detail = "ShareProcessNamespace and HostPID cannot both be enabled"
        causes.append(invalid_value(at, True, detail))
    return causes


def _identity(spec: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    if account := spec.get("serviceAccountName"):
        causes += dns_subdomain(account, f"{path}.serviceAccountName")
    if node := spec.get("nodeName"):
        causes += dns_subdomain(node, f"{path}.nodeName")
    causes += in_range(spec.get("activeDeadlineSeconds"), f"{path}.activeDeadlineSeconds", 1, _MAX_INT32)
    if hostname := spec.get("hostname"):
        causes += dns_label(hostname, f"{path}.hostname")
    if subdomain := spec.get("subdomain"):
        causes += dns_label(subdomain, f"{path}.subdomain")
    override = spec.get("hostnameOverride")
    if override is not None:
        causes += _hostname_override(spec, override, path)
    return causes


def _hostname_override(spec: Obj, override: str, path: str) -> list[Cause]:
    at = f"{path}.hostnameOverride"
    causes = all_messages(at, override, names.dns_subdomain(override))
    if len(override) > _MAX_HOSTNAME:
        causes.append(too_long(at, _MAX_HOSTNAME))
    if spec.get("setHostnameAsFQDN"):
        detail = "cannot be set when `setHostnameAsFQDN` is true"
        causes.append(forbidden_field(at, detail))
    if spec.get("hostNetwork"):
        causes.append(forbidden_field(at, "cannot be set when `hostNetwork` is true"))
    return causes


def _rest(spec: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    for index, alias in enumerate(spec.get("hostAliases") or ()):
        causes += valid_ip(f"{path}.hostAliases[{index}].ip", alias.get("ip") or "")
        for position, hostname in enumerate(alias.get("hostnames") or ()):
            causes += dns_subdomain(hostname, f"{path}.hostAliases[{index}].hostnames[{position}]")
    if priority := spec.get("priorityClassName"):
        causes += dns_subdomain(priority, f"{path}.priorityClassName")
    runtime = spec.get("runtimeClassName")
    if runtime is not None:
        causes += dns_subdomain(runtime, f"{path}.runtimeClassName")
    preemption = spec.get("preemptionPolicy")
    if preemption is not None:
        causes += preemption_policy(preemption, f"{path}.preemptionPolicy")
    if overhead := spec.get("overhead"):
        causes += validate_requirements({"limits": overhead}, f"{path}.overhead")
    if "os" in spec or _has_windows_options(spec):
        containers = list(all_containers(spec, path))
        causes += validate_host_process(spec, containers, path)
        if "os" in spec:
            causes += validate_os(spec, containers, path)
    return causes


def _has_windows_options(spec: Obj) -> bool:
    contexts = [spec.get("securityContext") or {}]
    contexts += [container.get("securityContext") or {} for container, _ in all_containers(spec, "")]
    return any("windowsOptions" in context for context in contexts)


def preemption_policy(policy: str, path: str) -> list[Cause]:
    """Check whether a pod may push out others."""
    if policy in PREEMPTION_POLICIES:
        return []
    return [not_supported(path, policy, PREEMPTION_POLICIES) if policy else required(path)]


def _resource_claims(claims: list[Obj], path: str) -> list[Cause]:
    causes: list[Cause] = []
    seen: set[str] = set()
    for index, claim in enumerate(claims):
        at, name = f"{path}[{index}]", claim.get("name") or ""
        if not name:
            causes.append(required(f"{at}.name"))
        elif name in seen:
            causes.append(duplicate(f"{at}.name", name))
        else:
            causes += dns_label(name, f"{at}.name")
            seen.add(name)
        given = [field for field in ("resourceClaimName", "resourceClaimTemplateName") if field in claim]
        if len(given) == 2:
            detail = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
            causes.append(invalid_value(at, claim, detail))
        elif not given:
            detail = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"
            causes.append(invalid_value(at, claim, detail))
        for field in given:
            causes += dns_subdomain(claim[field], f"{at}.{field}")
    return causes


def _host_network_ports(containers: list[Obj], path: str, is_pod: bool) -> list[Cause]:
    causes: list[Cause] = []
    for index, container in enumerate(containers):
        for position, port in enumerate(container.get("ports") or ()):
            host, number = port.get("hostPort") or 0, port.get("containerPort") or 0
            if (is_pod or host) and host != number:
                at = f"{path}[{index}].ports[{position}].hostPort"
                detail = "must match `containerPort` when `hostNetwork` is true"
                causes.append(invalid_value(at, host, detail))
    return causes


def _dns_config(config: Obj | None, policy: str, path: str) -> list[Cause]:
    if policy == "None":
        if config is None:
            return [required(path, "must provide `dnsConfig` when `dnsPolicy` is None")]
        if not config.get("nameservers"):
            detail = "must provide at least one DNS nameserver when `dnsPolicy` is None"
            return [required(f"{path}.nameservers", detail)]
    config = config or {}
    causes: list[Cause] = []
    servers, searches = config.get("nameservers") or [], config.get("searches") or []
    if len(servers) > _MAX_NAMESERVERS:
        detail = f"must not have more than {_MAX_NAMESERVERS} nameservers"
        causes.append(invalid_value(f"{path}.nameservers", servers, detail))
    for index, server in enumerate(servers):
        causes += valid_ip(f"{path}.nameservers[{index}]", server)
    if len(searches) > _MAX_SEARCHES:
        detail = f"must not have more than {_MAX_SEARCHES} search paths"
        causes.append(invalid_value(f"{path}.searches", searches, detail))
    if len(" ".join(searches)) > _MAX_SEARCH_CHARACTERS:
        detail = (
            f"must not have more than {_MAX_SEARCH_CHARACTERS} characters (including spaces) in the search "
            "list"
        )
        causes.append(invalid_value(f"{path}.searches", searches, detail))
    for index, search in enumerate(searches):
        if search != ".":
            causes += underscore_subdomain(search.removesuffix("."), f"{path}.searches[{index}]")
    for index, option in enumerate(config.get("options") or ()):
        if not option.get("name"):
            causes.append(required(f"{path}.options[{index}]", "must not be empty"))
    return causes


def validate_template(template: Obj, path: str) -> list[Cause]:
    """Check a pod template: labels and annotations, then the spec."""
    metadata, spec = template.get("metadata") or {}, template.get("spec") or {}
    causes: list[Cause] = []
    if labels := metadata.get("labels"):
        causes += validate_labels(labels, f"{path}.labels")
    annotations = metadata.get("annotations")
    if annotations:
        causes += validate_annotations(annotations, f"{path}.annotations")
        causes += validate_pod_annotations(annotations, spec, f"{path}.annotations")
    causes += validate_pod_spec(spec, f"{path}.spec")
    if annotations:
        causes += validate_annotations_match_fields(annotations, spec, f"{path}.spec")
    if spec.get("ephemeralContainers"):
        detail = "ephemeral containers not allowed in pod template"
        causes.append(forbidden_field(f"{path}.spec.ephemeralContainers", detail))
    return causes
