"""Validation of Services and what stands behind them."""

from typing import Any

import pytest

from kubepy.api.scheme import SCHEME
from tests.api.objects import check, check_update, made, service

Obj = dict[str, Any]


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        (service(), []),
        (made("v1", "Service", name="1st", spec={"ports": [{"port": 1}]}), []),
        (service(ports=[{"port": 80, "nodePort": 30000, "appProtocol": "a b", "targetPort": "UP"}]), [
            'spec.ports[0].targetPort: Invalid value: "UP": '
            "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
            'spec.ports[0].targetPort: Invalid value: "UP": must contain at least one letter (a-z)',
            'spec.ports[0].appProtocol: Invalid value: "a b": name part must consist of alphanumeric characters, '
            "'-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or "
            "'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
            "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
        ]),
        (service(ports=[{"name": "a", "port": 80}, {"name": "b", "port": 80}]), [
            'spec.ports[1]: Duplicate value: {"protocol":"TCP","port":80}'
        ]),
        (service(type="LoadBalancer", clusterIP="None", clusterIPs=["None"]), [
            "spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for LoadBalancer services"
        ]),
        (service(sessionAffinity="ClientIP", sessionAffinityConfig={"clientIP": {"timeoutSeconds": 86401}}), [
            "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: "
            "must be greater than 0 and less than 86400"
        ]),
        (service(loadBalancerClass="a/b"), [
            "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'"
        ]),
        (service(externalTrafficPolicy="Local"), [
            'spec.externalTrafficPolicy: Invalid value: "Local": '
            "may only be set for externally-accessible services"
        ]),
        (service(healthCheckNodePort=30000), [
            "spec.healthCheckNodePort: Invalid value: 30000: "
            "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        ]),
        (service(loadBalancerSourceRanges=["10.0.0.1/8"]), [
            "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
            'spec.LoadBalancerSourceRanges[0]: Invalid value: "10.0.0.1/8": '
            "must not have bits set beyond the prefix length",
        ]),
        (service(externalIPs=["127.0.0.1"]), [
            'spec.externalIPs[0]: Invalid value: "127.0.0.1": '
            "may not be in the loopback range (127.0.0.0/8, ::1/128)"
        ]),
        (service(clusterIP="10.0.0.1", clusterIPs=["10.0.0.1", "10.0.0.2"], ipFamilies=["IPv6"]), [
            'spec.clusterIPs: Invalid value: ["10.0.0.1","10.0.0.2"]: '
            "may specify no more than one IP for each IP family",
            'spec.clusterIPs[0]: Invalid value: "10.0.0.1": '
            "expected an IPv6 value as indicated by `ipFamilies[0]`",
        ]),
        (service(type="ExternalName", externalName="a.b.", clusterIPs=["10.0.0.1"]), [
            "spec.clusterIPs: Forbidden: may not be set for ExternalName services"
        ]),
        (service(trafficDistribution="Near"), [
            'spec.trafficDistribution: Unsupported value: "Near": '
            'supported values: "PreferClose", "PreferSameNode", "PreferSameZone"'
        ]),
        (service(type="Other", internalTrafficPolicy="No"), [
            'spec.type: Unsupported value: "Other": '
            'supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
            'spec.internalTrafficPolicy: Unsupported value: "No": supported values: "Cluster", "Local"',
        ]),
    ],
)  # fmt: skip
def test_services(obj: Obj, expected: list[str]) -> None:
    assert check(obj) == expected


def given(*addresses: str, **spec: Any) -> Obj:
    return service(clusterIP=addresses[0], clusterIPs=list(addresses), **spec)


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        (given("10.0.0.2"), given("10.0.0.1"), [
            'spec.clusterIPs[0]: Invalid value: ["10.0.0.2"]: may not change once set'
        ]),
        (given("10.0.0.1"), given("10.0.0.1", "fd00::1"), [
            "spec.ipFamilyPolicy: Invalid value: null: "
            "must be set to 'SingleStack' when releasing the secondary clusterIP"
        ]),
        (given("10.0.0.1", ipFamilyPolicy="SingleStack"), given("10.0.0.1", "fd00::1"), []),
        (given("10.0.0.1", type="LoadBalancer", loadBalancerClass="a/b"), given("10.0.0.1", type="LoadBalancer"), [
            'spec.loadBalancerClass: Invalid value: "a/b": may not change once set'
        ]),
        (service(type="ExternalName", externalName="a.b"), given("10.0.0.1"), []),
    ],
)  # fmt: skip
def test_changes(new: Obj, old: Obj, expected: list[str]) -> None:
    assert check_update(new, old) == expected


def test_status_of_load_balancers() -> None:
    def balanced(kind: str, **entry: Any) -> Obj:
        return service(type=kind) | {"status": {"loadBalancer": {"ingress": [entry]}}}

    assert check_update(balanced("LoadBalancer", ip="1.2.3.4"), service(type="LoadBalancer"), "status") == []
    assert check_update(balanced("ClusterIP", ip="1.2.3.4"), service(), "status") == [
        "status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'"
    ]
    bad = balanced("LoadBalancer", hostname="1.2.3.4", ipMode="VIP")
    assert check_update(bad, service(type="LoadBalancer"), "status") == [
        "status.loadBalancer.ingress[0].ipMode: Forbidden: may not be specified when `ip` is not set",
        'status.loadBalancer.ingress[0].hostname: Invalid value: "1.2.3.4": '
        "must be a DNS name, not an IP address",
    ]


def test_warnings() -> None:
    obj = service(externalIPs=["10.1.2.3", "FD00::1"], externalName="a.b", trafficDistribution="PreferClose")
    assert SCHEME.kind_of(obj).warnings(obj) == [
        'spec.externalIPs[1]: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")',
        "spec.externalIPs is deprecated and may no longer be implemented in some clusters",
        'spec.externalName is ignored when spec.type is not "ExternalName"',
        'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"',
    ]


def test_endpoints() -> None:
    subsets = [{"addresses": [{"ip": "169.254.1.1", "hostname": "A"}], "ports": [{"port": 0}]}, {}]
    label = (
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and "
        "end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
        "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
    )
    assert check(made("v1", "Endpoints", subsets=subsets)) == [
        f'subsets[0].addresses[0].hostname: Invalid value: "A": {label}',
        'subsets[0].addresses[0].ip: Invalid value: "169.254.1.1": '
        "may not be in the link-local range (169.254.0.0/16, fe80::/10)",
        "subsets[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
        "subsets[1]: Required value: must specify `addresses` or `notReadyAddresses`",
    ]


def test_endpoint_slices() -> None:
    def sliced(kind: str, *addresses: str) -> Obj:
        endpoints = [{"addresses": list(addresses)}]
        return made("discovery.k8s.io/v1", "EndpointSlice", addressType=kind, endpoints=endpoints)

    assert check(sliced("IPv4", "10.0.0.1")) == []
    assert check(sliced("IPv4", "fd00::1")) == [
        'endpoints[0].addresses[0]: Invalid value: "fd00::1": must be a valid IPv4 address'
    ]
    assert check(sliced("IPv6")) == [
        "endpoints[0].addresses: Required value: must contain at least 1 address"
    ]
    assert check(sliced("FQDN", "a")) == [
        'endpoints[0].addresses[0]: Invalid value: "a": '
        "should be a domain with at least two segments separated by dots"
    ]
    assert check_update(sliced("IPv6", "fd00::1"), sliced("IPv4", "10.0.0.1")) == [
        'addressType: Invalid value: "IPv6": field is immutable'
    ]
