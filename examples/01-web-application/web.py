"""An operator of web applications: one App becomes a Deployment, a Service and an Ingress."""

import sys
from dataclasses import dataclass, field
from typing import Annotated, Any

from kubepy.api.resources import DEPLOYMENTS, INGRESSES, SERVICES
from kubepy.machinery import conditions
from kubepy.operator import Applier, Controller, Manager, Request, Status, run
from kubepy.operator.crd import (
    Conditions,
    CustomResource,
    Field,
    Printed,
    Rule,
    Scale,
    Version,
    install,
    rules,
)


@rules(Rule("!has(self.path) || has(self.host)", "a path needs a host"))
@dataclass
class AppSpec:
    """A web application."""

    image: Annotated[str, Printed(), Field("the container's image", min_length=1)]
    replicas: Annotated[int, Field("how many pods", ge=0, le=100)] = 1
    port: Annotated[int, Field("where the container listens", ge=1, le=65535)] = 8080
    host: Annotated[str | None, Printed(), Field("the name under which the world finds it")] = None
    path: str | None = None
    env: dict[str, str] = field(default_factory=dict)


@dataclass
class AppStatus:
    ready_replicas: Annotated[int, Printed("Ready")] = 0
    selector: str = ""
    url: str = ""
    observed_generation: int = 0
    conditions: Conditions = field(default_factory=list)


APPS = CustomResource(
    "example.com",
    "App",
    Version("v1", AppSpec, AppStatus, scale=Scale(status_replicas=".status.readyReplicas")),
    short_names=["app"],
)


class AppReconciler:
    """Applies what an App asks for, and tells in its status what has come of it."""

    def __init__(self, manager: Manager) -> None:
        self.manager = manager
        self.apps = manager.lister(APPS.gvr)
        self.deployments = manager.lister(DEPLOYMENTS, label_selector="example.com/app")
        self.ingresses = manager.lister(INGRESSES, label_selector="example.com/app")
        self.applier = Applier(manager.client, "app-operator")

    async def reconcile(self, request: Request) -> None:
        obj = self.apps.get(request.name, request.namespace)
        if obj is None or obj["metadata"].get("deletionTimestamp"):
            return  # the garbage collector takes what it owned
        app = APPS.read(obj)
        await self.applier.apply_all([deployment(app), service(app)], owner=obj)
        if app.spec.host:
            await self.applier.apply(ingress(app), owner=obj)
        elif old := self.ingresses.get(app.name, app.namespace):
            await self.applier.delete(old)

        running = self.deployments.get(app.name, app.namespace)
        status = Status(obj, self.manager.clock)
        status["readyReplicas"] = ((running or {}).get("status") or {}).get("readyReplicas", 0)
        status["selector"] = f"example.com/app={app.name}"
        status["url"] = f"http://{app.spec.host}{app.spec.path or '/'}" if app.spec.host else ""
        available = running is not None and conditions.is_true(running, "Available")
        complete = available and status["readyReplicas"] == app.spec.replicas
        was_ready = status.is_true("Ready")
        status.set_condition("Ready", complete, "Available" if complete else "Progressing")
        if complete and not was_ready:
            self.manager.recorder.event(obj, "Normal", "Ready", f"{app.spec.replicas} replicas are ready")
        await status.write(self.manager.client, APPS.gvr)


def metadata(app: Any) -> dict[str, Any]:
    return {"name": app.name, "namespace": app.namespace, "labels": {"example.com/app": app.name}}


def deployment(app: Any) -> dict[str, Any]:
    labels = {"example.com/app": app.name}
    container = {
        "name": "web",
        "image": app.spec.image,
        "ports": [{"containerPort": app.spec.port}],
        "env": [{"name": name, "value": value} for name, value in sorted(app.spec.env.items())],
    }
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(app),
        "spec": {
            "replicas": app.spec.replicas,
            "selector": {"matchLabels": labels},
            "template": template,
        },
    }


def service(app: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(app),
        "spec": {
            "selector": {"example.com/app": app.name},
            "ports": [{"name": "http", "port": 80, "targetPort": app.spec.port}],
        },
    }


def ingress(app: Any) -> dict[str, Any]:
    backend = {"service": {"name": app.name, "port": {"name": "http"}}}
    path = {"path": app.spec.path or "/", "pathType": "Prefix", "backend": backend}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": metadata(app),
        "spec": {"rules": [{"host": app.spec.host, "http": {"paths": [path]}}]},
    }


async def setup(manager: Manager) -> None:
    await install(manager.client, APPS)
    ours = {"label_selector": "example.com/app"}
    manager.add(
        Controller("app", AppReconciler(manager), workers=4)
        .for_(APPS.gvr)
        .owns(DEPLOYMENTS, APPS.gvk, **ours)
        .owns(SERVICES, APPS.gvk, **ours)
        .owns(INGRESSES, APPS.gvk, **ours)
    )


if __name__ == "__main__":
    sys.exit(run(setup, name="app-operator", leader_election=True, health_address="0.0.0.0:8081"))
