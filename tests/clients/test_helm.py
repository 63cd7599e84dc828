"""helm, unmodified: install, upgrade, a failed upgrade, rollback, uninstall of a chart with a CRD and hooks."""

from __future__ import annotations

from pathlib import Path

from .conftest import ControlPlane

CHART = str(Path(__file__).with_name("chart"))


def test_a_releases_life(control_plane: ControlPlane, namespace: str) -> None:
    def helm(*arguments: str, check: bool = True) -> str:
        done = control_plane.run("helm", *arguments, "-n", namespace, check=check)
        return done.stdout + done.stderr

    def field(kind: str, path: str) -> str:
        return control_plane.kubectl(
            "get", kind, "-n", namespace, "-o", f"jsonpath={{{path}}}", check=False
        ).stdout

    installed = helm("install", "web", CHART)
    assert "STATUS: deployed" in installed
    assert "warning" not in installed.lower()
    assert field("deployment/web", ".spec.replicas") == "2"
    assert field("gadget/web", ".spec.greeting") == "hello"
    assert field("configmap/hook-pre-install", ".data.revision") == "1"
    cluster_ip = field("service/web", ".spec.clusterIP")

    helm("upgrade", "web", CHART, "--set", "replicas=3,greeting=bye")
    assert field("deployment/web", ".spec.template.spec.containers[0].env[0].value") == "bye"
    assert field("deployment/web", ".spec.replicas") == "3"
    assert field("service/web", ".spec.clusterIP") == cluster_ip
    assert field("configmap/hook-post-upgrade", ".data.revision") == "2"

    failed = helm("upgrade", "web", CHART, "--set", "broken=true", check=False)
    assert "spec.ports[0].port: Invalid value: -1: must be between 1 and 65535, inclusive" in failed
    assert [line.split()[0] for line in helm("history", "web").splitlines()[1:]] == ["1", "2", "3"]

    helm("rollback", "web", "1")
    assert field("deployment/web", ".spec.replicas") == "2"
    assert field("gadget/web", ".spec.greeting") == "hello"
    assert "deployed" in helm("list")

    helm("uninstall", "web")
    assert field("deployment/web", ".metadata.name") == ""
    assert field("configmap/hook-pre-delete", ".metadata.name") == "hook-pre-delete"
    assert field("crd/gadgets.chart.example.com", ".metadata.name")  # helm leaves CRDs
