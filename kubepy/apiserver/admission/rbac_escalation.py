"""The escalate and bind checks of roles and bindings.

Kubernetes has them in the storage of those kinds; here they are the last of the plugins that change
something, so that they see what would be stored.
"""

from __future__ import annotations

from collections.abc import Callable

from kubepy.api import resources as r
from kubepy.apiserver.admission.attributes import Attributes
from kubepy.apiserver.admission.chain import Plugin
from kubepy.apiserver.authorization import attributes as access
from kubepy.apiserver.authorization.authorizer import Authorizer
from kubepy.apiserver.authorization.escalation import EVERYTHING, refusal, uncovered
from kubepy.machinery import errors
from kubepy.machinery.gvk import GR
from kubepy.machinery.meta import Obj

_GROUP = "rbac.authorization.k8s.io"
_ROLES = (r.ROLES, r.CLUSTER_ROLES)
_BINDINGS = (r.ROLE_BINDINGS, r.CLUSTER_ROLE_BINDINGS)


class RBACEscalation(Plugin):
    """Refuses roles and bindings that would give more than their writer has."""

    resources = frozenset({*_ROLES, *_BINDINGS})

    def __init__(self, authorizer: Callable[[], Authorizer]) -> None:
        self._authorizer = authorizer

    def handles(self, attributes: Attributes) -> bool:
        """Roles and bindings, unless a member of system:masters writes them."""
        return (attributes.gvr in _ROLES or attributes.gvr in _BINDINGS) and not attributes.user.is_master

    async def mutate(self, attributes: Attributes) -> None:
        """Raise 403."""
        if attributes.gvr in _ROLES:
            self._check_role(attributes)
        else:
            self._check_binding(attributes)

    def _check_role(self, attributes: Attributes) -> None:
        role, old = attributes.object, attributes.old or {}
        same_rules = (role.get("rules") or []) == (old.get("rules") or [])
        same_aggregation = role.get("aggregationRule") == old.get("aggregationRule")
        if attributes.old is not None and same_rules and same_aggregation:
            return
        if self._may(attributes, "escalate", attributes.gvr.resource, attributes.name):
            return
        self._confirm(attributes, role.get("rules") or [])
        if role.get("aggregationRule") and not same_aggregation:
            # What will be aggregated is up to others: only who may do everything may ask for it.
            self._confirm(attributes, EVERYTHING)

    def _check_binding(self, attributes: Attributes) -> None:
        binding, old = attributes.object, attributes.old
        if old is not None and all(
            (binding.get(field) or []) == (old.get(field) or []) for field in ("roleRef", "subjects")
        ):
            return
        reference = binding.get("roleRef") or {}
        namespaced = reference.get("kind") == "Role"
        resource, name = "roles" if namespaced else "clusterroles", reference.get("name") or ""
        if self._may(attributes, "bind", resource, name):
            return
        rules = self._authorizer().rbac.rules_of_role(attributes.namespace if namespaced else "", name)
        if rules is None:
            raise errors.not_found(GR(_GROUP, resource), name)
        self._confirm(attributes, rules)

    def _may(self, attributes: Attributes, verb: str, resource: str, name: str) -> bool:
        wanted = access.Attributes(verb, _GROUP, resource, "", attributes.namespace, name)
        return self._authorizer().decide(attributes.user, wanted)[0]

    def _confirm(self, attributes: Attributes, rules: list[Obj]) -> None:
        held = self._authorizer().rbac.rules_of(attributes.user, attributes.namespace)
        missing = uncovered(held, rules)
        if missing:
            detail = refusal(attributes.user, missing)
            raise errors.forbidden(attributes.resource.gr, attributes.name, detail)
