"""What must be true of the machines' cluster whenever the dust has settled."""

from __future__ import annotations

import json
import threading
import time
from types import TracebackType
from typing import Any

from integration.harness import Namespace, http_get, until
from integration.machines.lab import Lab


def node_port(web: Namespace) -> int:
    return int(web.json("get", "service", "web")["spec"]["ports"][0]["nodePort"])


def containers(web: Namespace) -> dict[str, list[Any]]:
    """Every container of the pods of the proof, with its restarts: what must not change."""
    return {
        pod["metadata"]["name"]: [
            (status["containerID"], status["restartCount"]) for status in pod["status"]["containerStatuses"]
        ]
        for pod in web.pods()
    }


def all_ready(lab: Lab) -> bool:
    done = lab.cluster.kubectl("get", "nodes", "-o", "json")
    if done.returncode:
        return False
    nodes = json.loads(done.stdout)["items"]
    ready = {
        node["metadata"]["name"]
        for node in nodes
        for condition in node["status"]["conditions"]
        if (condition["type"], condition["status"]) == ("Ready", "True")
    }
    return ready == set(lab.machines)


def settle(lab: Lab, web: Namespace, seconds: float = 90) -> None:
    """Services active, nodes Ready, each node runs a new pod, and the NodePort answers on each of them."""
    for machine in lab.machines.values():
        for unit in lab.services_of(machine):
            until(lambda m=machine, u=unit: m.active(u), f"{unit} on {machine.name}", seconds)
    until(lambda: all_ready(lab), "Ready nodes", seconds)
    for machine in lab.machines.values():
        runs_a_pod(web, machine.name)
    until(lambda: len(web.ready_pods("app=web")) == 3, "three web pods", seconds)
    port = node_port(web)
    for machine in lab.machines.values():
        url = f"http://{machine.address}:{port}/"
        until(lambda u=url: "error" not in http_get(u), f"an answer at {url}", seconds)


def runs_a_pod(web: Namespace, node: str) -> None:
    """A new pod on this node, to its end: kubelet, runtime, pod network, images."""
    name = f"probe-{node}"
    web.ok("delete", "pod", name, "--ignore-not-found", "--grace-period=0", "--force")
    web.apply(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name},
                "spec": {
                    "nodeName": node,
                    "restartPolicy": "Never",
                    "containers": [{"name": "p", "image": "busybox:1", "command": ["true"]}],
                },
            }
        )
    )
    web.ok("wait", "--for=jsonpath={.status.phase}=Succeeded", f"pod/{name}", "--timeout=60s")
    web.ok("delete", "pod", name, "--wait=false")


class Hammer:
    """Requests from outside, to each node in turn, for as long as the block lasts; ``failures`` afterwards."""

    def __init__(self, lab: Lab, web: Namespace) -> None:
        port = node_port(web)
        self._urls = [f"http://{machine.address}:{port}/" for machine in lab.machines.values()]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.answers: list[tuple[str, str]] = []

    def __enter__(self) -> Hammer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def failures(self) -> list[tuple[str, str]]:
        return [(url, answer) for url, answer in self.answers if answer.startswith("error")]

    def _run(self) -> None:
        while not self._stop.is_set():
            for url in self._urls:
                self.answers.append((url, http_get(url, timeout=10)))
            time.sleep(0.02)
