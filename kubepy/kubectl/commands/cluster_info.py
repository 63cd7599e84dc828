"""kubectl cluster-info."""

from __future__ import annotations

from kubepy.kubectl.commands.base import Command
from kubepy.kubectl.session import Session
from kubepy.machinery import meta

GREEN, YELLOW, RESET = "\x1b[0;32m", "\x1b[0;33m", "\x1b[0m"
SERVICE = "kubernetes.io/cluster-service"


async def run(session: Session, words: list[str]) -> int | None:
    server = session.config.server
    params = {"labelSelector": f"{SERVICE}=true"}
    found = await session.request("GET", "/api/v1/namespaces/kube-system/services", params=params)
    _line(session, "Kubernetes control plane", server)
    for service in found.get("items") or []:
        name = meta.labels(service).get("kubernetes.io/name") or meta.name(service)
        ports = (service.get("spec") or {}).get("ports") or []
        port = f":{ports[0]['name']}" if ports and ports[0].get("name") else ""
        where = f"/api/v1/namespaces/kube-system/services/{meta.name(service)}{port}/proxy"
        _line(session, name, server + where)
    session.print("\nTo further debug and diagnose cluster problems, use 'kubectl cluster-info dump'.")
    return None


def _line(session: Session, name: str, url: str) -> None:
    if session.out.isatty():
        name, url = f"{GREEN}{name}{RESET}", f"{YELLOW}{url}{RESET}"
    session.print(f"{name} is running at {url}")


COMMAND = Command(
    "cluster-info", "Display cluster information", "kubectl cluster-info [flags] [options]", (), run
)
