"""Configuration: which plugins there are, with which weights and arguments; plugins of one's own."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from kubepy.scheduler.config import SchedulerConfig
from kubepy.scheduler.node_info import NodeInfo
from kubepy.scheduler.plugins.interface import (
    Cycle,
    FilterPlugin,
    Handle,
    NodeScorePlugin,
    Status,
)
from kubepy.scheduler.plugins.node_resources import NodeResourcesFit
from kubepy.scheduler.profiles import profiles
from kubepy.util import config
from kubepy.util.clock import FakeClock
from kubepy.util.config import ConfigError
from tests.scheduler.world import CONTROL_PLANE, Cluster, FakeListers, node, pod


def loaded(text: str, **out_of_tree: Any) -> Any:
    settings = config.loads(SchedulerConfig, "kubeconfig: /k\n" + text)
    return profiles(settings, Handle(FakeListers(), FakeClock()), out_of_tree)


class OnlyEven(FilterPlugin, NodeScorePlugin):
    """An example of a plugin from elsewhere."""

    name = "OnlyEven"

    def __init__(self, best: int) -> None:
        self._best = best

    def filter(self, cycle: Cycle, state: None, node: NodeInfo) -> Status | None:
        return Status(("node(s) were odd",)) if int(node.name[1:]) % 2 else None

    def score(self, cycle: Cycle, state: None, node: NodeInfo) -> int:
        return 100 if int(node.name[1:]) == self._best else 0


def only_even(args: Mapping[str, Any], handle: Handle) -> OnlyEven:
    return OnlyEven(args.get("best", 0))


def test_default_profile_has_kubernetes_plugins_in_order_and_with_weights() -> None:
    found = loaded("")["default-scheduler"]
    assert [plugin.name for plugin in found.filters] == [
        "NodeUnschedulable",
        "NodeName",
        "TaintToleration",
        "NodeAffinity",
        "NodePorts",
        "NodeResourcesFit",
        "VolumeRestrictions",
        "NodeVolumeLimits",
        "VolumeBinding",
        "VolumeZone",
        "PodTopologySpread",
        "InterPodAffinity",
    ]
    assert {plugin.name: weight for plugin, weight in found.scores} == {
        "TaintToleration": 3,
        "NodeAffinity": 2,
        "NodeResourcesFit": 1,
        "PodTopologySpread": 2,
        "InterPodAffinity": 2,
        "NodeResourcesBalancedAllocation": 1,
        "ImageLocality": 1,
    }
    assert found.preemption is not None
    assert [plugin.name for plugin in found.pre_enqueue] == ["SchedulingGates"]


def test_profiles_take_out_and_put_in() -> None:
    found = loaded(
        """
profiles:
- schedulerName: default-scheduler
- schedulerName: packer
  plugins:
    filter: {disabled: [{name: TaintToleration}]}
    postFilter: {disabled: [{name: "*"}]}
    score: {disabled: [{name: "*"}], enabled: [{name: NodeResourcesFit, weight: 7}]}
  pluginConfig:
  - name: NodeResourcesFit
    args: {scoringStrategy: {type: MostAllocated, resources: [{name: cpu, weight: 1}]}}
"""
    )
    assert set(found) == {"default-scheduler", "packer"}
    packer = found["packer"]
    assert "TaintToleration" not in [plugin.name for plugin in packer.filters]
    assert packer.preemption is None
    assert [(plugin.name, weight) for plugin, weight in packer.scores] == [("NodeResourcesFit", 7)]
    cluster = Cluster(node("a", taints=[CONTROL_PLANE]), node("b"))
    cluster.profile = packer
    cluster.run(pod(cpu="1"), "a")
    assert cluster.place(pod(cpu="100m")).node == "a"


def test_plugins_from_elsewhere_filter_and_score() -> None:
    found = loaded(
        """
profiles:
- plugins: {multiPoint: {enabled: [{name: OnlyEven, weight: 10}]}}
  pluginConfig: [{name: OnlyEven, args: {best: 4}}]
""",
        OnlyEven=only_even,
    )
    cluster = Cluster(*(node(f"n{number}") for number in range(6)))
    cluster.profile = found["default-scheduler"]
    assert cluster.place(pod()).node == "n4"
    odd = Cluster(node("n1"), node("n3"))
    odd.profile = found["default-scheduler"]
    assert odd.place(pod()).message == "0/2 nodes are available: 2 node(s) were odd."


def test_plugins_are_loaded_by_name() -> None:
    place = "tests.scheduler.test_profile:only_even"
    text = f"outOfTree: {{OnlyEven: '{place}'}}\nprofiles: [{{plugins: {{filter: {{enabled: [{{name: OnlyEven}}]}}}}}}]"
    assert loaded(text)["default-scheduler"].filters[-1].name == "OnlyEven"
    with pytest.raises(ValueError, match="cannot be loaded"):
        loaded("outOfTree: {X: 'no.such:thing'}")


def test_wrong_names_are_told() -> None:
    with pytest.raises(ValueError, match="no plugin is named Nonsense"):
        loaded("profiles: [{plugins: {multiPoint: {enabled: [{name: Nonsense}]}}}]")
    with pytest.raises(ValueError, match="ImageLocality is no FilterPlugin"):
        loaded("profiles: [{plugins: {filter: {enabled: [{name: ImageLocality}]}}}]")
    with pytest.raises(ConfigError, match="two profiles have one schedulerName"):
        loaded("profiles: [{}, {}]")


def test_requested_to_capacity_ratio_follows_its_shape() -> None:
    strategy = {
        "type": "RequestedToCapacityRatio",
        "resources": [{"name": "example.com/gpu", "weight": 1}],
        "requestedToCapacityRatio": {
            "shape": [{"utilization": 0, "score": 0}, {"utilization": 100, "score": 10}]
        },
    }
    cluster = Cluster(
        *(node(n, allocatable={"example.com/gpu": str(size)}) for n, size in (("a", 8), ("b", 4), ("c", 1)))
    )
    plugin = NodeResourcesFit.of({"scoringStrategy": strategy})
    cycle = cluster.cycle(pod(requests={"example.com/gpu": "2"}))
    assert plugin.scores(cycle, None, np.arange(3)).tolist() == [25, 50, 100]


def test_added_affinity_holds_for_every_pod_of_the_profile() -> None:
    found = loaded(
        """
profiles:
- pluginConfig:
  - name: NodeAffinity
    args:
      addedAffinity:
        requiredDuringSchedulingIgnoredDuringExecution:
          nodeSelectorTerms: [{matchExpressions: [{key: pool, operator: In, values: [a]}]}]
"""
    )
    cluster = Cluster(node("n1"), node("n2", labels={"pool": "a"}))
    cluster.profile = found["default-scheduler"]
    assert cluster.place(pod()).node == "n2"


def test_percentage_limits_how_many_nodes_are_scored_and_the_search_goes_on_where_it_ended() -> None:
    cluster = Cluster(*(node(f"n{number}") for number in range(300)))
    cluster.cache.put_node(node("n0", cpu="64", memory="256Gi"))  # the best of all, when it is looked at
    cluster.profile = loaded("percentageOfNodesToScore: 40")["default-scheduler"]
    placed = [cluster.put(pod(cpu="100m")) for _ in range(3)]
    assert placed[0] == "n0"
    assert 120 <= int(str(placed[1])[1:]) < 240
    assert int(str(placed[2])[1:]) >= 240 or int(str(placed[2])[1:]) < 60
