"""Rules of webhook configurations, admission policies and their bindings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from kubepy.api.validation.admission_environment import BASIC, policy_types, with_variables
from kubepy.api.validation.rules import Rules, all_messages, optional_one_of, spec_of
from kubepy.api.validation.selectors import validate_label_selector
from kubepy.machinery import cel, names
from kubepy.machinery.cel.types import BOOL, DYN, NULL, STRING, Type
from kubepy.machinery.field_errors import Cause, duplicate, invalid_value, not_supported, required
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj

_GROUP = "admissionregistration.k8s.io"
_OPERATIONS = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
_SCOPES = ("*", "Cluster", "Namespaced")
_REASONS = ("Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized")
_IDENTIFIER = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
_MOST_CONDITIONS = 64


# --- what webhooks and policies share


def _wildcard(path: str, values: Sequence[str], what: str) -> list[Cause]:
    if "*" in values and len(values) > 1:
        return [invalid_value(path, list(values), f"if '*' is present, must not specify other {what}")]
    return []


def _rule(rule: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    for field, what in (
        ("operations", "operations"),
        ("apiGroups", "API groups"),
        ("apiVersions", "API versions"),
    ):
        values = rule.get(field) or []
        if not values:
            causes.append(required(f"{path}.{field}"))
        causes += _wildcard(f"{path}.{field}", values, what)
    for index, operation in enumerate(rule.get("operations") or ()):
        causes += optional_one_of(f"{path}.operations[{index}]", operation, _OPERATIONS)
    for index, version in enumerate(rule.get("apiVersions") or ()):
        if not version:
            causes.append(required(f"{path}.apiVersions[{index}]"))
    resources = rule.get("resources") or []
    if not resources:
        causes.append(required(f"{path}.resources"))
    for index, resource in enumerate(resources):
        at = f"{path}.resources[{index}]"
        if not resource:
            causes.append(required(at))
        elif resource == "*/*" and len(resources) > 1:
            detail = "if '*/*' is present, must not specify other resources"
            causes.append(invalid_value(f"{path}.resources", resources, detail))
        elif resource == "*" and any(other != "*" and "/" not in other for other in resources):
            detail = "if '*' is present, must not specify other resources without subresources"
            causes.append(invalid_value(f"{path}.resources", resources, detail))
    causes += optional_one_of(f"{path}.scope", rule.get("scope"), _SCOPES)
    return causes


def _selectors(holder: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    for field in ("namespaceSelector", "objectSelector"):
        if holder.get(field):
            causes += validate_label_selector(holder[field], f"{path}.{field}")
    return causes


def _expression(
    path: str, text: str | None, variables: Mapping[str, Type], *allowed: Type, what: str = ""
) -> list[Cause]:
    """The expression must be there, be one, and give one of the types."""
    if not (text or "").strip():
        return [required(path)]
    try:
        found = cel.compile(text or "", variables).type
    except cel.CompileError as error:
        return [invalid_value(path, text, f"compilation failed: {error}")]
    if allowed and found != DYN and found not in allowed:
        return [invalid_value(path, text, f"must evaluate to {what}")]
    return []


def _conditions(holder: Obj, path: str, variables: Mapping[str, Type]) -> list[Cause]:
    conditions = holder.get("matchConditions") or []
    causes: list[Cause] = []
    if len(conditions) > _MOST_CONDITIONS:
        causes.append(
            Cause("FieldValueTooMany", f"Too many: {len(conditions)}: must have at most 64 items", path)
        )
    seen: set[str] = set()
    for index, condition in enumerate(conditions):
        at, name = f"{path}[{index}]", condition.get("name") or ""
        causes += _expression(f"{at}.expression", condition.get("expression"), variables, BOOL, what="bool")
        if not name:
            causes.append(required(f"{at}.name"))
        else:
            causes += all_messages(f"{at}.name", name, names.qualified_name(name))
        if name in seen:
            causes.append(duplicate(f"{at}.name", name))
        seen.add(name)
    return causes


# --- webhooks


def _client_config(config: Obj, path: str) -> list[Cause]:
    url, service = config.get("url"), config.get("service")
    if (url is None) == (service is None):
        return [required(path, "exactly one of url or service is required")]
    if url is not None:
        return _url(url, f"{path}.url")
    assert service is not None
    causes = [
        required(f"{path}.service.{field}", f"service {field} is required")
        for field in ("name", "namespace")
        if not service.get(field)
    ]
    port = service.get("port")
    if port is not None and not 1 <= port <= 65535:
        detail = "port is not valid: must be between 1 and 65535, inclusive"
        causes.append(invalid_value(f"{path}.service.port", port, detail))
    location = service.get("path")
    if location and not location.startswith("/"):
        causes.append(invalid_value(f"{path}.service.path", location, "must start with a '/'"))
    return causes


def _url(url: str, path: str) -> list[Cause]:
    form = "; desired format: https://host[/path]"
    parts = urlsplit(url)
    causes: list[Cause] = []
    if parts.scheme != "https":
        causes.append(invalid_value(path, parts.scheme, f"'https' is the only allowed URL scheme{form}"))
    if not parts.netloc:
        causes.append(invalid_value(path, "", f"host must be specified{form}"))
    if "@" in parts.netloc:
        causes.append(invalid_value(path, parts.netloc, "user information is not permitted in the URL"))
    if parts.fragment:
        causes.append(invalid_value(path, parts.fragment, "fragments are not permitted in the URL"))
    if parts.query:
        causes.append(invalid_value(path, parts.query, "query parameters are not permitted in the URL"))
    return causes


def _webhook(webhook: Obj, path: str, *, mutating: bool) -> list[Cause]:
    name = webhook.get("name") or ""
    causes: list[Cause] = []
    if not name:
        causes.append(required(f"{path}.name"))
    else:
        causes += all_messages(f"{path}.name", name, names.dns_subdomain(name))
        if len(name.split(".")) < 3:
            detail = "should be a domain with at least three segments separated by dots"
            causes.append(invalid_value(f"{path}.name", name, detail))
    for index, rule in enumerate(webhook.get("rules") or ()):
        causes += _rule(rule, f"{path}.rules[{index}]")
    causes += optional_one_of(f"{path}.failurePolicy", webhook.get("failurePolicy"), ("Fail", "Ignore"))
    causes += optional_one_of(f"{path}.matchPolicy", webhook.get("matchPolicy"), ("Equivalent", "Exact"))
    effects = webhook.get("sideEffects")
    if effects is None:
        causes.append(required(f"{path}.sideEffects", "must specify one of None, NoneOnDryRun"))
    elif effects not in ("None", "NoneOnDryRun"):
        causes.append(not_supported(f"{path}.sideEffects", effects, ("None", "NoneOnDryRun")))
    timeout = webhook.get("timeoutSeconds")
    if timeout is not None and not 1 <= timeout <= 30:
        detail = "the timeout value must be between 1 and 30 seconds"
        causes.append(invalid_value(f"{path}.timeoutSeconds", timeout, detail))
    causes += _selectors(webhook, path)
    causes += _client_config(webhook.get("clientConfig") or {}, f"{path}.clientConfig")
    versions = webhook.get("admissionReviewVersions") or []
    at = f"{path}.admissionReviewVersions"
    if not versions:
        causes.append(required(at, "must specify one of v1, v1beta1"))
    elif not set(versions) & {"v1", "v1beta1"}:
        causes.append(invalid_value(at, versions, "must include at least one of v1, v1beta1"))
    if mutating:
        policy = webhook.get("reinvocationPolicy")
        causes += optional_one_of(f"{path}.reinvocationPolicy", policy, ("IfNeeded", "Never"))
    return causes + _conditions(webhook, f"{path}.matchConditions", BASIC)


def _configuration(configuration: Obj, *, mutating: bool) -> list[Cause]:
    causes: list[Cause] = []
    seen: set[str] = set()
    for index, webhook in enumerate(configuration.get("webhooks") or ()):
        path = f"webhooks[{index}]"
        causes += _webhook(webhook, path, mutating=mutating)
        if webhook.get("name") in seen:
            causes.append(duplicate(f"{path}.name", webhook["name"]))
        seen.add(webhook.get("name") or "")
    return causes


# --- policies


def _match_resources(resources: Obj | None, path: str, *, needed: bool) -> list[Cause]:
    if resources is None:
        return [required(path)] if needed else []
    causes = _selectors(resources, path)
    causes += optional_one_of(f"{path}.matchPolicy", resources.get("matchPolicy"), ("Equivalent", "Exact"))
    if needed and not resources.get("resourceRules"):
        causes.append(required(f"{path}.resourceRules"))
    for field in ("resourceRules", "excludeResourceRules"):
        for index, rule in enumerate(resources.get(field) or ()):
            at = f"{path}.{field}[{index}]"
            causes += _rule(rule, at)
            for position, name in enumerate(rule.get("resourceNames") or ()):
                where = f"{at}.resourceNames[{position}]"
                causes += all_messages(where, name, names.path_segment(name))
    return causes


def _variables(spec: Obj, types: Mapping[str, Type]) -> tuple[list[Cause], dict[str, Type]]:
    causes: list[Cause] = []
    known: dict[str, Type] = {}
    for index, variable in enumerate(spec.get("variables") or ()):
        path, name = f"spec.variables[{index}]", variable.get("name") or ""
        if not name:
            causes.append(required(f"{path}.name", "name is not set"))
        elif not _IDENTIFIER.fullmatch(name):
            causes.append(invalid_value(f"{path}.name", name, "name is not a valid CEL identifier"))
        if name in known:
            causes.append(duplicate(f"{path}.name", name))
        text, over = variable.get("expression"), with_variables(types, known.items())
        found = _expression(f"{path}.expression", text, over)
        causes += found
        known[name] = DYN if found else cel.compile(text or "", over).type
    return causes, with_variables(types, known.items())


def _policy_common(spec: Obj) -> tuple[list[Cause], dict[str, Type]]:
    causes: list[Cause] = []
    kind = spec.get("paramKind")
    if kind is not None:
        causes += [
            required(f"spec.paramKind.{field}") for field in ("apiVersion", "kind") if not kind.get(field)
        ]
    causes += optional_one_of("spec.failurePolicy", spec.get("failurePolicy"), ("Fail", "Ignore"))
    causes += _match_resources(spec.get("matchConstraints"), "spec.matchConstraints", needed=True)
    types = policy_types(spec)
    causes += _conditions(spec, "spec.matchConditions", types)
    found, over = _variables(spec, types)
    return causes + found, over


def _validating_policy(policy: Obj) -> list[Cause]:
    spec = spec_of(policy)
    causes, types = _policy_common(spec)
    if not spec.get("validations") and not spec.get("auditAnnotations"):
        detail = "validations or auditAnnotations must contain at least one item"
        causes += [required(f"spec.{field}", detail) for field in ("validations", "auditAnnotations")]
    for index, validation in enumerate(spec.get("validations") or ()):
        causes += _validation(validation, f"spec.validations[{index}]", types)
    seen: set[str] = set()
    for index, annotation in enumerate(spec.get("auditAnnotations") or ()):
        path, key = f"spec.auditAnnotations[{index}]", annotation.get("key") or ""
        if not key:
            causes.append(required(f"{path}.key"))
        else:
            full = f"{policy['metadata'].get('name') or ''}/{key}"
            causes += all_messages(f"{path}.key", key, names.qualified_name(full))
        if key in seen:
            causes.append(duplicate(f"{path}.key", key))
        seen.add(key)
        text = annotation.get("valueExpression")
        causes += _expression(f"{path}.valueExpression", text, types, STRING, NULL, what="string or null")
    return causes


def _validation(validation: Obj, path: str, types: Mapping[str, Type]) -> list[Cause]:
    causes = _expression(f"{path}.expression", validation.get("expression"), types, BOOL, what="bool")
    message = validation.get("message")
    if message is not None and not message.strip():
        causes.append(invalid_value(f"{path}.message", message, "message must be non-empty if specified"))
    elif message and "\n" in message:
        causes.append(invalid_value(f"{path}.message", message, "message must not contain line breaks"))
    text = validation.get("messageExpression")
    if text:
        causes += _expression(f"{path}.messageExpression", text, types, STRING, what="string")
    elif "\n" in (validation.get("expression") or "").strip() and not message:
        detail = "message must be specified if expression contains line breaks"
        causes.append(required(f"{path}.message", detail))
    return causes + optional_one_of(f"{path}.reason", validation.get("reason"), _REASONS)


def _mutating_policy(policy: Obj) -> list[Cause]:
    spec = spec_of(policy)
    causes, types = _policy_common(spec)
    reinvocation = spec.get("reinvocationPolicy")
    if not reinvocation:
        causes.append(required("spec.reinvocationPolicy"))
    causes += optional_one_of("spec.reinvocationPolicy", reinvocation, ("IfNeeded", "Never"))
    if not spec.get("mutations"):
        causes.append(required("spec.mutations", "mutations must contain at least one item"))
    for index, mutation in enumerate(spec.get("mutations") or ()):
        path, kind = f"spec.mutations[{index}]", mutation.get("patchType") or ""
        fields = {"JSONPatch": "jsonPatch", "ApplyConfiguration": "applyConfiguration"}
        field = fields.get(kind)
        if field is None:
            causes.append(
                not_supported(f"{path}.patchType", kind, ("ApplyConfiguration", "JSONPatch"))
                if kind
                else required(f"{path}.patchType")
            )
            continue
        holder = mutation.get(field)
        if holder is None:
            causes.append(required(f"{path}.{field}", f"must be specified when patchType is {kind}"))
        else:
            causes += _expression(f"{path}.{field}.expression", holder.get("expression"), types)
        other = next(name for name in fields.values() if name != field)
        if mutation.get(other) is not None:
            detail = f"must not be specified when patchType is {kind}"
            causes.append(invalid_value(f"{path}.{other}", mutation[other], detail))
    return causes


# --- bindings


def _binding(binding: Obj, *, validating: bool) -> list[Cause]:
    spec = spec_of(binding)
    causes: list[Cause] = []
    name = spec.get("policyName") or ""
    if not name:
        causes.append(required("spec.policyName"))
    else:
        causes += all_messages("spec.policyName", name, names.dns_subdomain(name))
    if spec.get("paramRef") is not None:
        causes += _param_ref(spec["paramRef"])
    causes += _match_resources(spec.get("matchResources"), "spec.matchResources", needed=False)
    if validating:
        causes += _actions(spec.get("validationActions") or [])
    return causes


def _param_ref(reference: Obj) -> list[Cause]:
    path, causes = "spec.paramRef", []
    name, selector = reference.get("name"), reference.get("selector")
    if name and selector is not None:
        causes.append(invalid_value(f"{path}.name", name, "name and selector are mutually exclusive"))
        causes.append(invalid_value(f"{path}.selector", selector, "name and selector are mutually exclusive"))
    elif name:
        causes += all_messages(f"{path}.name", name, names.path_segment(name))
    elif selector is None:
        causes.append(required(path, "one of name or selector must be specified"))
    action = reference.get("parameterNotFoundAction")
    if action is None:
        causes.append(required(f"{path}.parameterNotFoundAction"))
    causes += optional_one_of(f"{path}.parameterNotFoundAction", action, ("Allow", "Deny"))
    return causes


def _actions(actions: list[Any]) -> list[Cause]:
    path = "spec.validationActions"
    if not actions:
        return [required(path)]
    causes: list[Cause] = []
    for index, action in enumerate(actions):
        causes += optional_one_of(f"{path}[{index}]", action, ("Audit", "Deny", "Warn"))
        if action in actions[:index]:
            causes.append(duplicate(f"{path}[{index}]", action))
    if "Deny" in actions and "Warn" in actions:
        detail = "must not contain both Deny and Warn (repeating the same validation failure information in "
        detail += "the API response and headers serves no purpose)"
        causes.append(invalid_value(path, actions, detail))
    return causes


RULES: dict[GK, Rules] = {
    GK(_GROUP, "MutatingWebhookConfiguration"): Rules(create=partial(_configuration, mutating=True)),
    GK(_GROUP, "ValidatingWebhookConfiguration"): Rules(create=partial(_configuration, mutating=False)),
    GK(_GROUP, "ValidatingAdmissionPolicy"): Rules(create=_validating_policy),
    GK(_GROUP, "MutatingAdmissionPolicy"): Rules(create=_mutating_policy),
    GK(_GROUP, "ValidatingAdmissionPolicyBinding"): Rules(create=partial(_binding, validating=True)),
    GK(_GROUP, "MutatingAdmissionPolicyBinding"): Rules(create=partial(_binding, validating=False)),
}
