"""A kopf operator as its users write them; test_kopf runs it with `kopf run`."""

from __future__ import annotations

from typing import Any

import kopf
import kubernetes

GROUP, VERSION, PLURAL = "clients.example.com", "v1", "widgets"


@kopf.on.startup()
def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
    settings.posting.level = 20
    settings.peering.name = "widgets"
    settings.peering.mandatory = True


@kopf.on.create(GROUP, VERSION, PLURAL)
def create(
    name: str, namespace: str, spec: Any, body: kopf.Body, patch: kopf.Patch, **_: Any
) -> dict[str, str]:
    settings = {
        "metadata": {"name": f"{name}-settings"},
        "data": {"size": spec["size"], "colour": spec["colour"]},
    }
    kopf.adopt(settings)
    kubernetes.client.CoreV1Api().create_namespaced_config_map(namespace, settings)
    patch.status["ready"] = True
    kopf.info(body, reason="Made", message="made the settings")
    return {"made": settings["metadata"]["name"]}


@kopf.on.update(GROUP, VERSION, PLURAL, field="spec.size")
def resize(name: str, namespace: str, new: str, **_: Any) -> None:
    kubernetes.client.CoreV1Api().patch_namespaced_config_map(
        f"{name}-settings", namespace, {"data": {"size": new}}
    )


@kopf.on.delete(GROUP, VERSION, PLURAL)
def delete(name: str, namespace: str, **_: Any) -> None:
    farewell = {"metadata": {"name": f"{name}-is-gone"}}
    kubernetes.client.CoreV1Api().create_namespaced_config_map(namespace, farewell)
