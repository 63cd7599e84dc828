import base64

import pytest

from kubepy.kubelet.environment import Sources, expand, make_environment, service_environment
from kubepy.kubelet.errors import ContainerConfigError
from kubepy.kubelet.field_refs import FieldContext
from tests.kubelet.builders import container, pod

CONTEXT = FieldContext(("192.0.2.1",), ("10.0.0.5",), {"cpu": "4", "memory": "8Gi"})


def environment(spec: dict, sources: Sources | None = None) -> dict[str, str]:
    return make_environment(pod(spec), spec, sources or Sources(), CONTEXT)


def test_expansion() -> None:
    values = {"A": "1", "B": "two"}
    assert expand("$(A)-$(B)-$(C)-$$(A)-$A-$(", values) == "1-two-$(C)-$(A)-$A-$("


def test_variables_use_those_before_them() -> None:
    spec = container(env=[{"name": "A", "value": "x"}, {"name": "B", "value": "$(A)$(C)"}, {"name": "C"}])
    assert environment(spec) == {"A": "x", "B": "x$(C)", "C": ""}


def test_fields_and_resources() -> None:
    def field(path: str) -> dict:
        return {"fieldRef": {"fieldPath": path}}

    spec = container(
        resources={"limits": {"memory": "100Mi"}, "requests": {"cpu": "250m"}},
        env=[
            {"name": "NAME", "valueFrom": field("metadata.name")},
            {"name": "IP", "valueFrom": field("status.podIP")},
            {"name": "NODE", "valueFrom": field("spec.nodeName")},
            {
                "name": "MEM",
                "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}},
            },
            {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "requests.cpu"}}},
            {
                "name": "MILLI",
                "valueFrom": {"resourceFieldRef": {"resource": "requests.cpu", "divisor": "1m"}},
            },
            {"name": "ALL", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
        ],
    )
    assert environment(spec) == {
        "NAME": "p",
        "IP": "10.0.0.5",
        "NODE": "n",
        "MEM": "100",
        "CPU": "1",
        "MILLI": "250",
        "ALL": "4",
    }


def test_config_maps_and_secrets() -> None:
    secret = {"data": {"pw": base64.b64encode(b"s3").decode()}}
    sources = Sources({"cm": {"data": {"K": "v"}}}, {"sec": secret})
    spec = container(
        envFrom=[{"prefix": "P_", "configMapRef": {"name": "cm"}}],
        env=[
            {"name": "PW", "valueFrom": {"secretKeyRef": {"name": "sec", "key": "pw"}}},
            {"name": "NO", "valueFrom": {"secretKeyRef": {"name": "sec", "key": "x", "optional": True}}},
        ],
    )
    assert environment(spec, sources) == {"P_K": "v", "PW": "s3"}


@pytest.mark.parametrize(
    ("origin", "message"),
    [
        ({"configMapKeyRef": {"name": "cm", "key": "no"}}, "couldn't find key no in ConfigMap ns/cm"),
        ({"configMapKeyRef": {"name": "nosuch", "key": "k"}}, 'configmap "nosuch" not found'),
        ({"secretKeyRef": {"name": "nosuch", "key": "k"}}, 'secret "nosuch" not found'),
    ],
)
def test_what_is_missing_is_said_in_the_kubelets_words(origin: dict, message: str) -> None:
    spec = container(env=[{"name": "X", "valueFrom": origin}])
    with pytest.raises(ContainerConfigError) as failure:
        environment(spec, Sources({"cm": {"data": {}}}))
    assert failure.value.message == message
    assert failure.value.reason == "CreateContainerConfigError"


def service(name: str, namespace: str, ip: str, port: int, port_name: str = "") -> dict:
    entry = {"port": port, "protocol": "TCP"} | ({"name": port_name} if port_name else {})
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"clusterIP": ip, "ports": [entry]}}


def test_service_variables() -> None:
    services = [
        service("kubernetes", "default", "10.96.0.1", 443, "https"),
        service("my-db", "ns", "10.96.0.7", 5432),
        service("headless", "ns", "None", 80),
        service("elsewhere", "other", "10.96.0.8", 80),
    ]
    found = service_environment(services, "ns", True)
    assert found["KUBERNETES_SERVICE_HOST"] == "10.96.0.1"
    assert found["KUBERNETES_SERVICE_PORT_HTTPS"] == "443"
    assert found["MY_DB_PORT"] == "tcp://10.96.0.7:5432"
    assert found["MY_DB_PORT_5432_TCP_ADDR"] == "10.96.0.7"
    assert not any(name.startswith(("HEADLESS", "ELSEWHERE")) for name in found)
    assert not any(name.startswith("MY_DB") for name in service_environment(services, "ns", False))
