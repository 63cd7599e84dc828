"""The shape of a cluster."""

import pytest

from kubepy.cluster.topology import Topology, TopologyError


def test_one_master_and_three_workers_by_default() -> None:
    topology = Topology()
    assert [m.name for m in topology.machines] == ["m-k8s", "w1-k8s", "w2-k8s", "w3-k8s"]
    assert [m.address for m in topology.machines] == ["10.240.0.10", *(f"10.240.0.10{n}" for n in (1, 2, 3))]
    assert topology.endpoint == "https://10.240.0.10:6443"
    assert (topology.api_service_ip, topology.dns_service_ip) == ("10.96.0.1", "10.96.0.10")


def test_two_clusters_share_no_name() -> None:
    one, other = Topology(), Topology(name="other", subnet="10.241.0.0/24")
    assert one.netns(one.master) == "m-k8s"
    assert other.netns(other.master) == "other.m-k8s"
    assert one.bridge != other.bridge
    assert one.cgroup(one.master) != other.cgroup(other.master)


@pytest.mark.parametrize(
    ("wish", "complaint"),
    [
        ({"workers": -1}, "0 to 100 workers"),
        ({"workers": 500}, "0 to 100 workers"),
        ({"masters": 2}, "survives no more failures than one less"),
        ({"apiserver_workers": 0}, "1 to 64 processes"),
        ({"subnet": "10.240.0.0/28"}, "too small"),
        ({"pod_cidr": "10.240.0.0/16"}, "pod network 10.240.0.0/16 overlaps"),
        ({"service_cidr": "10.240.0.0/24"}, "service network"),
        ({"name": "much-too-long-a-name"}, "cluster name"),
        ({"name": "a b"}, "cluster name"),
    ],
)
def test_impossible_wishes_are_refused_with_a_reason(wish: dict[str, object], complaint: str) -> None:
    with pytest.raises(TopologyError, match=complaint):
        Topology(**wish)  # type: ignore[arg-type]


def test_three_masters_stand_behind_the_address_of_the_only_one() -> None:
    topology = Topology(masters=3, workers=1)
    assert [m.name for m in topology.machines] == ["m1-k8s", "m2-k8s", "m3-k8s", "w1-k8s"]
    assert [m.address for m in topology.control_plane] == [f"10.240.0.1{n}" for n in (1, 2, 3)]
    assert topology.endpoint == Topology().endpoint == "https://10.240.0.10:6443"
    assert topology.balancer == topology.everything[-1] == topology.front
    assert not topology.front.control_plane
    assert len({topology.port_device(machine) for machine in topology.everything}) == 5
