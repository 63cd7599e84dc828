"""The union of all authorizers."""

from __future__ import annotations

from typing import Protocol

from kubepy.apiserver.authentication.user import User
from kubepy.apiserver.authorization.attributes import Attributes, forbidden
from kubepy.apiserver.authorization.rbac import RBAC


class NodeRules(Protocol):
    """What the union needs of the Node authorizer."""

    def authorize(self, user: User, wanted: Attributes) -> tuple[bool | None, str]:
        """(True, False or None for no opinion; why)."""
        ...


class Authorizer:
    """system:masters may do everything; then the Node authorizer; then RBAC."""

    def __init__(self, rbac: RBAC, node: NodeRules) -> None:
        self.rbac = rbac
        self._node = node

    def decide(self, user: User, wanted: Attributes) -> tuple[bool, str]:
        """(allowed, the reason)"""
        if user.is_master:
            return True, ""
        opinion, reason = self._node.authorize(user, wanted)
        if opinion is not None:
            return opinion, reason
        if self.rbac.authorize(user, wanted):
            return True, ""
        missing = self.rbac.missing_roles(user, wanted.namespace)
        if missing:
            text = missing[0] if len(missing) == 1 else f"[{', '.join(missing)}]"
            return False, f"RBAC: {text}"
        return False, reason

    def check(self, user: User, wanted: Attributes) -> None:
        """Raise 403 unless it is allowed."""
        if user.is_master:
            return
        allowed, reason = self.decide(user, wanted)
        if not allowed:
            raise forbidden(user.name, wanted, reason)
