"""The default Roles and RoleBindings of kube-system and kube-public."""

from __future__ import annotations

from kubepy.apiserver.bootstrap.rules import EVENTS, READ, namespaced_role, role_binding, rule
from kubepy.machinery.meta import Obj

_SYSTEM, _PUBLIC = "kube-system", "kube-public"
_LEADERS = {
    "system::leader-locking-kube-controller-manager": "kube-controller-manager",
    "system::leader-locking-kube-scheduler": "kube-scheduler",
}


def roles() -> list[Obj]:
    """All of them."""
    authentication = rule(READ, "", "configmaps", names=["extension-apiserver-authentication"])
    return [
        namespaced_role(_SYSTEM, "extension-apiserver-authentication-reader", [authentication]),
        namespaced_role(_SYSTEM, "system:controller:bootstrap-signer", [rule(READ, "", "secrets")]),
        namespaced_role(
            _SYSTEM, "system:controller:cloud-provider", [rule(["create", *READ, "update"], "", "configmaps")]
        ),
        namespaced_role(
            _SYSTEM, "system:controller:token-cleaner", [rule(["delete", *READ], "", "secrets"), EVENTS]
        ),
        *(
            namespaced_role(
                _SYSTEM,
                name,
                [
                    rule(["watch"], "", "configmaps"),
                    rule(["get", "update"], "", "configmaps", names=[component]),
                ],
            )
            for name, component in _LEADERS.items()
        ),
        namespaced_role(
            _PUBLIC,
            "system:controller:bootstrap-signer",
            [
                rule(READ, "", "configmaps"),
                rule(["update"], "", "configmaps", names=["cluster-info"]),
                EVENTS,
            ],
        ),
    ]


def role_bindings() -> list[Obj]:
    """All of them."""
    reader = role_binding(
        _SYSTEM,
        "extension-apiserver-authentication-reader",
        ("User", "system:kube-controller-manager"),
        ("User", "system:kube-scheduler"),
    )
    return [
        {
            **reader,
            "metadata": {**reader["metadata"], "name": "system::extension-apiserver-authentication-reader"},
        },
        role_binding(_SYSTEM, "system:controller:bootstrap-signer", (_SYSTEM, "bootstrap-signer")),
        role_binding(_SYSTEM, "system:controller:cloud-provider", (_SYSTEM, "cloud-provider")),
        role_binding(_SYSTEM, "system:controller:token-cleaner", (_SYSTEM, "token-cleaner")),
        *(
            role_binding(_SYSTEM, name, ("User", f"system:{component}"), (_SYSTEM, component))
            for name, component in _LEADERS.items()
        ),
        role_binding(_PUBLIC, "system:controller:bootstrap-signer", (_SYSTEM, "bootstrap-signer")),
    ]
