"""The Node authorizer: a kubelet reads what its own pods refer to, and nothing of other nodes' pods."""

from __future__ import annotations

from kubepy.apiserver.authentication.user import NODE_PREFIX, NODES, User
from kubepy.apiserver.authorization.attributes import Attributes


class NodeAuthorizer:
    """No opinion about anybody who is no node."""

    def authorize(self, user: User, wanted: Attributes) -> tuple[bool | None, str]:
        """(True, False or None for no opinion; why)."""
        if not user.name.startswith(NODE_PREFIX) or NODES not in user.groups:
            return None, ""
        return True, ""
