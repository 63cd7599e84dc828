"""The plugins of the default profile. A plugin is pure: it looks at the pod and the nodes, and answers.

``DEFAULT_FILTERS`` and ``DEFAULT_SCORES`` are Kubernetes' defaults, in its order and with its weights.
"""

from kubepy.scheduler.plugins.inter_pod_affinity import InterPodAffinity
from kubepy.scheduler.plugins.interface import FilterPlugin, ScorePlugin
from kubepy.scheduler.plugins.node_affinity import NodeAffinity
from kubepy.scheduler.plugins.node_name import NodeName
from kubepy.scheduler.plugins.node_ports import NodePorts
from kubepy.scheduler.plugins.node_resources import BalancedAllocation, NodeResourcesFit
from kubepy.scheduler.plugins.node_unschedulable import NodeUnschedulable
from kubepy.scheduler.plugins.pod_topology_spread import PodTopologySpread
from kubepy.scheduler.plugins.taint_toleration import TaintToleration

DEFAULT_FILTERS: tuple[FilterPlugin, ...] = (
    NodeUnschedulable(),
    NodeName(),
    TaintToleration(),
    NodeAffinity(),
    NodePorts(),
    NodeResourcesFit(),
    PodTopologySpread(),
    InterPodAffinity(),
)
DEFAULT_SCORES: tuple[tuple[ScorePlugin, int], ...] = (
    (TaintToleration(), 3),
    (NodeAffinity(), 2),
    (NodeResourcesFit(), 1),
    (BalancedAllocation(), 1),
    (PodTopologySpread(), 2),
    (InterPodAffinity(), 2),
)

__all__ = ["DEFAULT_FILTERS", "DEFAULT_SCORES", "FilterPlugin", "ScorePlugin"]
