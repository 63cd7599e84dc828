"""Which writes a webhook or a policy concerns: rules, and selectors of the namespace and the object."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from kubepy.api import resources as r
from kubepy.api.resources import Resource
from kubepy.apiserver.admission.attributes import Attributes
from kubepy.apiserver.cacher import ResourceCache
from kubepy.machinery import errors, labels
from kubepy.machinery.gvk import GR, GVR
from kubepy.machinery.meta import Obj

Equivalents = Callable[[Resource], Sequence[Resource]]
"""All served names of a resource's objects: itself first, then its other versions and groups."""

# Whoever could refuse changes of these could lock everybody out.
_CONFIGURATION = frozenset(
    gvr.gr
    for gvr in (
        r.MUTATING_WEBHOOK_CONFIGURATIONS,
        r.VALIDATING_WEBHOOK_CONFIGURATIONS,
        r.VALIDATING_ADMISSION_POLICIES,
        r.VALIDATING_ADMISSION_POLICY_BINDINGS,
        r.MUTATING_ADMISSION_POLICIES,
        r.MUTATING_ADMISSION_POLICY_BINDINGS,
    )
)
_REVIEWS = frozenset(
    gvr.gr
    for gvr in (
        r.TOKEN_REVIEWS,
        r.SELF_SUBJECT_REVIEWS,
        r.SUBJECT_ACCESS_REVIEWS,
        r.LOCAL_SUBJECT_ACCESS_REVIEWS,
        r.SELF_SUBJECT_ACCESS_REVIEWS,
        r.SELF_SUBJECT_RULES_REVIEWS,
    )
)
EXEMPT: frozenset[GR] = _CONFIGURATION | _REVIEWS


class Rule(NamedTuple):
    """One of `rules` (webhooks) or `resourceRules` (policies)."""

    operations: frozenset[str]
    groups: frozenset[str]
    versions: frozenset[str]
    resources: tuple[tuple[str, str], ...]  # resource and subresource
    scope: str
    names: frozenset[str]

    @classmethod
    def of(cls, rule: Obj) -> Rule:
        """From the API's object."""
        parts = (text.partition("/") for text in rule.get("resources") or ())
        return cls(
            frozenset(rule.get("operations") or ()),
            frozenset(rule.get("apiGroups") or ()),
            frozenset(rule.get("apiVersions") or ()),
            tuple((resource, sub) for resource, _, sub in parts),
            rule.get("scope") or "*",
            frozenset(rule.get("resourceNames") or ()),
        )

    def covers(self, resource: Resource, subresource: str, operation: str) -> bool:
        """Tell whether the rule means the operation on the resource (names aside)."""
        gvk = resource.gvk
        return (
            (operation in self.operations or "*" in self.operations)
            and (gvk.group in self.groups or "*" in self.groups)
            and (gvk.version in self.versions or "*" in self.versions)
            and (self.scope == "*" or self.scope == _scope(resource))
            and any(
                name in ("*", resource.plural) and sub in ("*", subresource) for name, sub in self.resources
            )
        )


def _scope(resource: Resource) -> str:
    return "Namespaced" if resource.namespaced else "Cluster"


class Selectors(NamedTuple):
    """namespaceSelector and objectSelector."""

    namespace: labels.Selector
    object: labels.Selector

    @classmethod
    def of(cls, holder: Obj) -> Selectors:
        """From a webhook or matchConstraints; absent selectors select everything."""
        return cls(
            labels.from_label_selector(holder.get("namespaceSelector") or {}),
            labels.from_label_selector(holder.get("objectSelector") or {}),
        )

    def match(self, attributes: Attributes, namespaces: ResourceCache) -> bool:
        """Tell whether the write is selected. Raises 404 when its namespace is not there."""
        if not self.namespace.empty and not self._match_namespace(attributes, namespaces):
            return False
        if self.object.empty:
            return True
        return any(
            obj is not None and self.object.matches((obj.get("metadata") or {}).get("labels") or {})
            for obj in (attributes.obj, attributes.old)
        )

    def _match_namespace(self, attributes: Attributes, namespaces: ResourceCache) -> bool:
        if attributes.gvr == r.NAMESPACES and not attributes.subresource and attributes.obj is not None:
            return self.namespace.matches(attributes.obj["metadata"].get("labels") or {})
        name = namespace_of(attributes)
        if not name:
            return True  # an object outside any namespace
        entry = namespaces.get(name)
        if entry is None:
            raise errors.not_found(GR("", "namespaces"), name)
        return self.namespace.matches(entry.labels)


def namespace_of(attributes: Attributes) -> str:
    """The namespace of the write; a Namespace object is in itself."""
    return attributes.name if attributes.gvr == r.NAMESPACES else attributes.namespace


class Constraints(NamedTuple):
    """What a webhook, a policy or a binding says about the writes it concerns."""

    rules: tuple[Rule, ...]
    excluded: tuple[Rule, ...]
    equivalent: bool  # matchPolicy
    selectors: Selectors

    @classmethod
    def of(cls, holder: Obj, field: str) -> Constraints:
        """From a webhook (`field` is "rules") or matchConstraints and matchResources ("resourceRules")."""
        return cls(
            tuple(map(Rule.of, holder.get(field) or ())),
            tuple(map(Rule.of, holder.get("excludeResourceRules") or ())),
            holder.get("matchPolicy") != "Exact",
            Selectors.of(holder),
        )

    def find(
        self,
        resource: Resource,
        subresource: str,
        operation: str,
        equivalents: Sequence[Resource],
        name: str | None = None,
    ) -> Resource | None:
        """Under which of the resource's names the operation is meant; None for none.

        Without `name`, rules for certain names count as if they were for all, and exclusions of such not at
        all: whoever asks so must ask again with the name.
        """
        candidates = equivalents if self.equivalent else equivalents[:1]

        def among(rules: Iterable[Rule], *, any_name: bool) -> Resource | None:
            meant = [r for r in rules if not r.names or (any_name if name is None else name in r.names)]
            for candidate in candidates:
                if any(rule.covers(candidate, subresource, operation) for rule in meant):
                    return candidate
            return None

        if self.excluded and among(self.excluded, any_name=False) is not None:
            return None
        return among(self.rules, any_name=True)

    @property
    def by_name(self) -> bool:
        """True when a rule is for certain names."""
        return any(rule.names for rule in (*self.rules, *self.excluded))


class Constrained(Protocol):
    """Something compiled that concerns some writes."""

    @property
    def constraints(self) -> Constraints:
        """Which."""
        ...


T = TypeVar("T", bound=Constrained)


class Index(Generic[T]):
    """The compiled configurations of one kind, in the order of their names.

    What concerns a kind of write (resource, subresource, operation) is found once and remembered, so that a
    request costs a dictionary look-up, and next to nothing while there is no configuration.
    """

    def __init__(
        self,
        cache: ResourceCache,
        compile_: Callable[[Obj], Iterable[T]],
        equivalents: Equivalents,
    ) -> None:
        self._cache = cache
        self._compile = compile_
        self._equivalents = equivalents
        self._compiled: dict[str, tuple[int, tuple[T, ...]]] = {}
        self._all: list[T] = []
        self._memo: dict[tuple[GVR, str, str], list[tuple[T, Resource]]] = {}
        self._stale = True
        cache.add_listener(self._changed)

    def _changed(self, event: object) -> None:
        self.forget()

    def forget(self) -> None:
        """Find out anew: a configuration, or what is served, has changed."""
        self._stale = True

    @property
    def all(self) -> Sequence[T]:
        """Everything that is configured."""
        if self._stale:
            self._refresh()
        return self._all

    def _refresh(self) -> None:
        self._stale = False
        self._memo.clear()
        known, self._compiled = self._compiled, {}
        for key, entry in sorted(self._cache.entries.items()):
            found = known.get(key)
            if found is None or found[0] != entry.revision:
                found = entry.revision, tuple(self._compile(entry.obj))
            self._compiled[key] = found
        self._all = [each for _, made in self._compiled.values() for each in made]

    def concerning(self, attributes: Attributes) -> list[tuple[T, Resource]]:
        """What the write's rules select, each with the name under which; selectors are not asked yet."""
        if not self.all:
            return []
        key = attributes.gvr, attributes.subresource, attributes.operation
        found = self._memo.get(key)
        if found is None:
            found = self._memo[key] = self._find(attributes, None)
        if any(each.constraints.by_name for each, _ in found):
            return self._find(attributes, attributes.name)
        return found

    def _find(self, attributes: Attributes, name: str | None) -> list[tuple[T, Resource]]:
        resource = attributes.resource
        if resource.gr in EXEMPT:
            return []
        equivalents = self._equivalents(resource)
        made = []
        for each in self._all:
            matched = each.constraints.find(
                resource, attributes.subresource, attributes.operation, equivalents, name
            )
            if matched is not None:
                made.append((each, matched))
        return made
