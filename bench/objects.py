"""The objects that the API measurement makes. @SERIAL@ is replaced by the load generator."""

from __future__ import annotations

from typing import Any

import orjson

NAMESPACES = ("bench-create", "bench-list", "bench-watch")


def pod(name: str, namespace: str, mode: str = "production") -> dict[str, Any]:
    """A pod as a Deployment would make it, about 1.3 kB once stored; `mode` is in its spec."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app": "web", "pod-template-hash": "7d4b9c6f5d"},
            "annotations": {"bench/serial": "@SERIAL@"},
        },
        "spec": {
            "containers": [
                {
                    "name": "web",
                    "image": "busybox",
                    "command": ["httpd", "-f", "-p", "8080"],
                    "ports": [{"name": "http", "containerPort": 8080}],
                    "env": [{"name": "MODE", "value": mode}],
                    "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
                    "readinessProbe": {"httpGet": {"path": "/", "port": "http"}},
                }
            ]
        },
    }


def body(name: str, namespace: str) -> bytes:
    return orjson.dumps(pod(name, namespace))


def unlike(name: str, namespace: str) -> bytes:
    """A pod whose spec no other pod has."""
    return orjson.dumps(pod(name, namespace, "@SERIAL@"))


def setup() -> list[tuple[str, dict[str, Any]]]:
    """(path, object) of what must be there before the load: namespaces, their default accounts, the right."""
    made = [step for name in NAMESPACES for step in namespace(name)]
    rbac = "rbac.authorization.k8s.io"
    binding = _object(f"{rbac}/v1", "ClusterRoleBinding", "bench")
    binding["roleRef"] = {"apiGroup": rbac, "kind": "ClusterRole", "name": "edit"}
    binding["subjects"] = [{"apiGroup": rbac, "kind": "Group", "name": "bench"}]
    made.append((f"/apis/{rbac}/v1/clusterrolebindings", binding))
    return made


def namespace(name: str) -> list[tuple[str, dict[str, Any]]]:
    """(path, object) of a namespace that pods can be made in."""
    # The controller-manager makes the account in a cluster; here none runs.
    account = _object("v1", "ServiceAccount", "default")
    return [
        ("/api/v1/namespaces", _object("v1", "Namespace", name)),
        (f"/api/v1/namespaces/{name}/serviceaccounts", account),
    ]


def _object(api_version: str, kind: str, name: str) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}}
