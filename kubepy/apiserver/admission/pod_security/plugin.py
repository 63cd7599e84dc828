"""PodSecurity: refuses pods, warns about and audits pods and what makes pods, as namespaces' labels say."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable
from typing import NamedTuple

from kubepy.api import resources as r
from kubepy.apiserver.admission.attributes import Attributes
from kubepy.apiserver.admission.chain import Plugin
from kubepy.apiserver.admission.pod_security.levels import (
    LEVELS,
    PRIVILEGED,
    RESTRICTED,
    Standard,
    describe,
)
from kubepy.apiserver.cacher import ObjectSelector, ResourceCache
from kubepy.machinery import errors
from kubepy.machinery.errors import Cause
from kubepy.machinery.meta import Obj

_PREFIX = "pod-security.kubernetes.io/"
_MODES = ("enforce", "audit", "warn")
_VERSION = re.compile(r"v1\.(0|[1-9][0-9]*)")
_NOT_ABOUT_SPEC = frozenset(
    {"exec", "attach", "binding", "eviction", "log", "portforward", "proxy", "status"}
)
_APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
_TEMPLATES = {
    r.REPLICATION_CONTROLLERS: ("spec", "template"),
    r.POD_TEMPLATES: ("template",),
    r.REPLICA_SETS: ("spec", "template"),
    r.DEPLOYMENTS: ("spec", "template"),
    r.STATEFUL_SETS: ("spec", "template"),
    r.DAEMON_SETS: ("spec", "template"),
    r.JOBS: ("spec", "template"),
    r.CRON_JOBS: ("spec", "jobTemplate", "spec", "template"),
}
_MOST_PODS = 3000


class Policy(NamedTuple):
    """What a namespace wants."""

    enforce: Standard
    audit: Standard
    warn: Standard


_NONE = Policy(PRIVILEGED, PRIVILEGED, PRIVILEGED)


def policy_of(labels: dict[str, str]) -> tuple[Policy, list[Cause]]:
    """From a namespace's labels; what cannot be read counts as restricted for enforce, else as nothing."""
    if not any(key.startswith(_PREFIX) for key in labels):
        return _NONE, []
    causes: list[Cause] = []
    standards: list[Standard] = []
    for mode in _MODES:
        level_key, version_key = f"{_PREFIX}{mode}", f"{_PREFIX}{mode}-version"
        level, version = labels.get(level_key), labels.get(version_key)
        standard = PRIVILEGED
        if level is not None:
            if level in LEVELS:
                standard = Standard(level)
            else:
                detail = f"must be one of {', '.join(LEVELS)}"
                causes.append(errors.invalid_value(f"metadata.labels[{level_key}]", level, detail))
                standard = RESTRICTED if mode == "enforce" else PRIVILEGED
        if version is not None:
            match = _VERSION.fullmatch(version)
            if match:
                standard = Standard(standard.level, int(match[1]))
            elif version != "latest":
                detail = 'must be "latest" or "v1.x"'
                causes.append(errors.invalid_value(f"metadata.labels[{version_key}]", version, detail))
        standards.append(standard)
    return Policy(*standards), causes


class PodSecurity(Plugin):
    """Validates pods, what has a pod template, and namespaces' labels."""

    resources = frozenset({r.PODS, r.NAMESPACES, *_TEMPLATES})

    def __init__(self, namespaces: ResourceCache, pods: ResourceCache) -> None:
        self._namespaces = namespaces
        self._pods = pods
        self._policies: dict[str, tuple[int, Policy]] = {}

    def handles(self, attributes: Attributes) -> bool:
        """Writes that may change what a pod is."""
        if attributes.gvr == r.PODS:
            return attributes.subresource not in _NOT_ABOUT_SPEC
        if attributes.subresource:
            return False
        return attributes.gvr in _TEMPLATES or attributes.gvr == r.NAMESPACES

    def premise(self, attributes: Attributes) -> Hashable | None:
        """What the namespace wants."""
        return self._policy(attributes.namespace)

    async def validate(self, attributes: Attributes) -> None:
        """Refuse or warn."""
        if attributes.gvr == r.NAMESPACES:
            self._check_namespace(attributes)
            return
        policy = self._policy(attributes.namespace)
        if policy is _NONE:
            return
        if attributes.gvr == r.PODS:
            pod = attributes.object
            if attributes.old is None or _is_significant(pod, attributes.old):
                self._judge(attributes, policy, pod["metadata"], pod["spec"], enforce=True)
            return
        template = attributes.object
        for field in _TEMPLATES[attributes.gvr]:
            template = template.get(field) or {}
        if template.get("spec"):
            self._judge(attributes, policy, template.get("metadata") or {}, template["spec"], enforce=False)

    def _policy(self, namespace: str) -> Policy:
        entry = self._namespaces.get(namespace)
        if entry is None:
            return _NONE
        known = self._policies.get(namespace)
        if known is None or known[0] != entry.revision:
            known = self._policies[namespace] = (entry.revision, policy_of(dict(entry.labels))[0])
        return known[1]

    @staticmethod
    def _judge(attributes: Attributes, policy: Policy, metadata: Obj, spec: Obj, *, enforce: bool) -> None:
        known: dict[Standard, str] = {}

        def judged(standard: Standard) -> str:
            if standard not in known:
                known[standard] = describe(standard.violations(metadata, spec))
            return known[standard]

        refused = ""
        if enforce:
            attributes.annotate(f"{_PREFIX}enforce-policy", str(policy.enforce))
            refused = judged(policy.enforce)
        if attributes.audited and judged(policy.audit):
            text = f'would violate PodSecurity "{policy.audit}": {judged(policy.audit)}'
            attributes.annotate(f"{_PREFIX}audit-violations", text)
        if refused:
            detail = f'violates PodSecurity "{policy.enforce}": {refused}'
            raise errors.forbidden(attributes.resource.gr, attributes.name, detail)
        if judged(policy.warn):
            attributes.warn(f'would violate PodSecurity "{policy.warn}": {judged(policy.warn)}')

    def _check_namespace(self, attributes: Attributes) -> None:
        labels = attributes.object["metadata"].get("labels") or {}
        old = (attributes.old or {"metadata": {}})["metadata"].get("labels") or {}
        policy, causes = policy_of(labels)
        if attributes.old is None:
            if causes:
                raise errors.invalid(attributes.resource.gk, attributes.name, causes)
            return
        before, old_causes = policy_of(old)
        if causes and causes != old_causes:
            raise errors.invalid(attributes.resource.gk, attributes.name, causes)
        if policy.enforce != before.enforce and policy.enforce.level != "privileged":
            for text in self._existing(attributes.name, policy.enforce):
                attributes.warn(text)

    def _existing(self, namespace: str, standard: Standard) -> list[str]:
        found: dict[str, list[str]] = defaultdict(list)
        for count, entry in enumerate(self._pods.select(ObjectSelector(namespace))):
            if count >= _MOST_PODS:
                break
            reasons = {v.reason for v in standard.violations(entry.obj["metadata"], entry.obj["spec"])}
            if reasons:
                found[", ".join(sorted(reasons))].append(entry.name)
        if not found:
            return []
        texts = [
            f'existing pods in namespace "{namespace}" violate the new PodSecurity enforce level "{standard}"'
        ]
        lines = []
        for reasons_text, names in found.items():
            names.sort()
            more = len(names) - 1
            suffix = "" if not more else f" (and {more} other {'pod' if more == 1 else 'pods'})"
            lines.append(f"{names[0]}{suffix}: {reasons_text}")
        return texts + sorted(lines)


def _is_significant(pod: Obj, old: Obj) -> bool:
    """Tell whether an update may have changed a verdict: containers, their images and profiles."""

    def matter(of: Obj) -> object:
        spec = of["spec"]
        annotations = of["metadata"].get("annotations") or {}
        return (
            [
                [(c.get("name"), c.get("image"), c.get("securityContext")) for c in spec.get(field) or ()]
                for field in ("initContainers", "containers", "ephemeralContainers")
            ],
            {key: value for key, value in annotations.items() if key.startswith(_APPARMOR)},
        )

    return matter(pod) != matter(old)
