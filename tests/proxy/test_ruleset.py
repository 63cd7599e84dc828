"""Services into rules: what kube-proxy's iptables mode writes, for the same Services."""

from pathlib import Path
from typing import Any

from kubepy.netfilter.interface import Rule, render
from kubepy.proxy.model import service_ports
from kubepy.proxy.ruleset import build, chain_name

GOLDEN = Path(__file__).parent / "golden"
CLUSTER = "10.244.0.0/16"


def service(name: str = "web", **spec: Any) -> dict[str, Any]:
    ports = [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": 8080}]
    return {
        "metadata": {"namespace": "default", "name": name},
        "spec": {"type": "ClusterIP", "clusterIP": "10.96.0.20", "ports": ports, **spec},
    }


def endpoint_slice(*endpoints: dict[str, Any], port: int = 8080, protocol: str = "TCP") -> dict[str, Any]:
    return {
        "metadata": {
            "namespace": "default",
            "name": "web-1",
            "labels": {"kubernetes.io/service-name": "web"},
        },
        "addressType": "IPv4",
        "ports": [{"name": "http", "protocol": protocol, "port": port}],
        "endpoints": list(endpoints),
    }


def endpoint(address: str, node: str = "w1", **conditions: bool) -> dict[str, Any]:
    return {"addresses": [address], "nodeName": node, "conditions": {"ready": True, **conditions}}


def ruleset(svc: dict[str, Any], *slices: dict[str, Any], node: str = "w1") -> Any:
    return build(service_ports([svc], {("default", "web"): list(slices)}, node), CLUSTER)


def rules(svc: dict[str, Any], *slices: dict[str, Any], table: str = "nat", node: str = "w1") -> str:
    found = ruleset(svc, *slices, node=node)
    return render({table: found[table]})


def test_node_port_service_with_affinity_is_the_golden_ruleset() -> None:
    svc = service(
        type="NodePort",
        ports=[{"name": "http", "protocol": "TCP", "port": 80, "targetPort": 8080, "nodePort": 30080}],
        sessionAffinity="ClientIP",
        sessionAffinityConfig={"clientIP": {"timeoutSeconds": 600}},
    )
    found = render(ruleset(svc, endpoint_slice(endpoint("10.244.1.2"), endpoint("10.244.2.2", "w2"))))
    assert found == (GOLDEN / "node_port_affinity.rules").read_text()


def test_shares_of_three_endpoints_are_equal() -> None:
    text = rules(service(), endpoint_slice(*(endpoint(f"10.244.1.{n}") for n in (2, 3, 4))))
    probabilities = [word for line in text.splitlines() if "statistic" in line for word in line.split()][0:]
    assert probabilities.count("0.3333333333") == 1
    assert probabilities.count("0.5000000000") == 1


def test_chain_names_are_those_of_kube_proxy() -> None:
    """default/kubernetes:https over tcp is KUBE-SVC-NPX46M4PTMTKRN6Y in every cluster."""
    svc = {
        "metadata": {"namespace": "default", "name": "kubernetes"},
        "spec": {"clusterIP": "10.96.0.1", "ports": [{"name": "https", "port": 443, "protocol": "TCP"}]},
    }
    (port,) = service_ports([svc], {}, "w1")
    assert chain_name("SVC", port) == "KUBE-SVC-NPX46M4PTMTKRN6Y"


def test_service_without_endpoints_refuses() -> None:
    filtered = rules(service(), table="filter")
    assert "default/web:http has no endpoints" in filtered
    assert "-d 10.96.0.20/32 -p tcp" in filtered
    assert "-j REJECT --reject-with icmp-port-unreachable" in filtered


def test_unready_endpoints_serve_only_while_terminating_and_nobody_is_ready() -> None:
    going = endpoint("10.244.1.9", ready=False, serving=True, terminating=True)
    starting = endpoint("10.244.1.8", ready=False)
    with_ready = rules(service(), endpoint_slice(endpoint("10.244.1.2"), going, starting))
    assert "10.244.1.9" not in with_ready
    without = rules(service(), endpoint_slice(going, starting))
    assert "10.244.1.9:8080" in without
    assert "10.244.1.8" not in without


def test_local_external_policy_keeps_the_client_address() -> None:
    ports = [{"name": "http", "port": 80, "nodePort": 30080, "protocol": "TCP"}]
    svc = service(type="NodePort", externalTrafficPolicy="Local", ports=ports)
    found = ruleset(svc, endpoint_slice(endpoint("10.244.1.2", "w1"), endpoint("10.244.2.2", "w2")))
    (port,) = service_ports([svc], {("default", "web"): []}, "w1")
    external = found["nat"].chains[chain_name("EXT", port)]
    assert external[-1] == Rule(chain_name("SVL", port))
    assert [r.target for r in external if r.target == "KUBE-MARK-MASQ" and not r.matches] == []


def test_node_without_local_endpoint_drops_for_local_policy() -> None:
    ports = [{"name": "http", "port": 80, "nodePort": 30080, "protocol": "TCP"}]
    svc = service(type="NodePort", externalTrafficPolicy="Local", ports=ports)
    filtered = rules(svc, endpoint_slice(endpoint("10.244.2.2", "w2")), table="filter", node="w1")
    assert "has no local endpoints" in filtered
    assert "--dport 30080 -j DROP" in filtered


def test_headless_external_name_and_foreign_proxy_services_are_left_alone() -> None:
    foreign = service()
    foreign["metadata"]["labels"] = {"service.kubernetes.io/service-proxy-name": "mine"}
    others = [service(clusterIP="None"), service(type="ExternalName", clusterIP=""), foreign]
    assert service_ports(others, {}, "w1") == []


def test_load_balancer_source_ranges_let_only_those_through() -> None:
    svc = service(type="LoadBalancer", loadBalancerSourceRanges=["192.0.2.0/24"])
    svc["status"] = {"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}]}}
    text = rules(svc, endpoint_slice(endpoint("10.244.1.2")))
    assert "-d 203.0.113.7/32 -p tcp" in text
    assert "-s 192.0.2.0/24" in text
    assert "KUBE-FW-" in text
