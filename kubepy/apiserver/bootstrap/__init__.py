"""The objects a server makes for itself at start: namespaces, priority classes, RBAC, its own Service."""

from kubepy.apiserver.bootstrap.run import run

__all__ = ["run"]
