"""Answers as the Kubernetes DNS specification 1.1.0 gives them."""

from collections.abc import Iterable
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import pytest

from kubepy.dns.responder import Responder

Obj = dict[str, Any]


def service(name: str, namespace: str = "default", **spec: Any) -> Obj:
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"clusterIP": "10.96.0.9", **spec}}


def endpoints(service_name: str, *found: Obj, namespace: str = "default") -> Obj:
    return {
        "metadata": {"namespace": namespace, "labels": {"kubernetes.io/service-name": service_name}},
        "ports": [{"name": "sql", "port": 5432, "protocol": "TCP"}],
        "endpoints": list(found),
    }


class FakeDirectory:
    def __init__(self, services: list[Obj], slices: list[Obj]) -> None:
        self._services = services
        self._slices = slices

    def service(self, namespace: str, name: str) -> Obj | None:
        wanted = {"name": name, "namespace": namespace}
        return next((s for s in self._services if s["metadata"] == wanted), None)

    def slices(self, namespace: str, service: str) -> Iterable[Obj]:
        return [s for s in self._slices if s["metadata"]["labels"]["kubernetes.io/service-name"] == service]

    def has_namespace(self, name: str) -> bool:
        return name in ("default", "kube-system")

    def services_by_address(self, address: str) -> Iterable[Obj]:
        return [s for s in self._services if s["spec"].get("clusterIP") == address]

    def slices_by_address(self, address: str) -> Iterable[Obj]:
        return [s for s in self._slices if any(address in e["addresses"] for e in s["endpoints"])]


DIRECTORY = FakeDirectory(
    [
        service("web", ports=[{"name": "http", "port": 80, "protocol": "TCP"}]),
        service("db", clusterIP="None", ports=[{"name": "sql", "port": 5432}]),
        service("out", type="ExternalName", externalName="example.org", clusterIP=""),
        service("alias", type="ExternalName", externalName="web.default.svc.cluster.local", clusterIP=""),
    ],
    [
        endpoints(
            "db",
            {"addresses": ["10.244.1.5"], "hostname": "db-0", "conditions": {"ready": True}},
            {"addresses": ["10.244.2.6"], "conditions": {"ready": True}},
            {"addresses": ["10.244.3.7"], "conditions": {"ready": False}},
        )
    ],
)


def ask(name: str, type: str = "A") -> dns.message.Message | None:
    return Responder(DIRECTORY, "cluster.local", 5).respond(dns.message.make_query(name, type))


def answers(name: str, type: str = "A") -> list[str]:
    response = ask(name, type)
    assert response is not None
    return sorted(item.to_text() for rrset in response.answer for item in rrset)


def code(name: str, type: str = "A") -> str:
    response = ask(name, type)
    assert response is not None
    return dns.rcode.to_text(response.rcode())


@pytest.mark.parametrize(
    ("name", "type", "expected"),
    [
        ("web.default.svc.cluster.local", "A", ["10.96.0.9"]),
        ("WEB.Default.SVC.cluster.local", "A", ["10.96.0.9"]),
        ("db.default.svc.cluster.local", "A", ["10.244.1.5", "10.244.2.6"]),
        ("db-0.db.default.svc.cluster.local", "A", ["10.244.1.5"]),
        ("10-244-2-6.db.default.svc.cluster.local", "A", ["10.244.2.6"]),
        ("_http._tcp.web.default.svc.cluster.local", "SRV", ["0 100 80 web.default.svc.cluster.local."]),
        (
            "_sql._tcp.db.default.svc.cluster.local",
            "SRV",
            [
                "0 100 5432 10-244-2-6.db.default.svc.cluster.local.",
                "0 100 5432 db-0.db.default.svc.cluster.local.",
            ],
        ),
        ("out.default.svc.cluster.local", "A", ["example.org."]),
        ("alias.default.svc.cluster.local", "A", ["10.96.0.9", "web.default.svc.cluster.local."]),
        ("10-1-2-3.default.pod.cluster.local", "A", ["10.1.2.3"]),
        ("9.0.96.10.in-addr.arpa", "PTR", ["web.default.svc.cluster.local."]),
        ("5.1.244.10.in-addr.arpa", "PTR", ["db-0.db.default.svc.cluster.local."]),
        ("dns-version.cluster.local", "TXT", ['"1.1.0"']),
    ],
)
def test_answers(name: str, type: str, expected: list[str]) -> None:
    assert answers(name, type) == expected


@pytest.mark.parametrize(
    ("name", "type", "expected"),
    [
        ("nobody.default.svc.cluster.local", "A", "NXDOMAIN"),
        ("web.nowhere.svc.cluster.local", "A", "NXDOMAIN"),
        ("10-244-3-7.db.default.svc.cluster.local", "A", "NXDOMAIN"),
        ("_nope._tcp.web.default.svc.cluster.local", "SRV", "NXDOMAIN"),
        ("10-1-2.default.pod.cluster.local", "A", "NXDOMAIN"),
        ("web.default.svc.cluster.local", "AAAA", "NOERROR"),
        ("default.svc.cluster.local", "A", "NOERROR"),
        ("svc.cluster.local", "A", "NOERROR"),
    ],
)
def test_absent_names_and_absent_types_differ(name: str, type: str, expected: str) -> None:
    """NXDOMAIN for a name that is not; an empty NOERROR for one that has other types: with the SOA."""
    assert code(name, type) == expected
    response = ask(name, type)
    assert response is not None
    assert not response.answer
    assert "SOA" in response.authority[0].to_text()


def test_what_is_not_the_clusters_is_left_to_others() -> None:
    assert ask("example.org") is None
    assert ask("9.9.9.9.in-addr.arpa", "PTR") is None


def test_answers_are_authoritative() -> None:
    response = ask("web.default.svc.cluster.local")
    assert response is not None
    assert response.flags & dns.flags.AA
