"""Simulated nodes: Node objects without a machine, whose pods pass through stages that are data.

``stage``   what becomes of a pod, after which delay, with which likelihood; pure
``status``  the status of a pod that a stage brings about; pure
``nodes``   Node objects and their leases: cheap enough for 5,000
``pods``    plays the stages for the pods on those nodes
``run``     all of it, in process on any Clock, or as `kubepy simnode`

Talks to nothing but the API server, as a kubelet would. For tests, benchmarks, and trying out controllers.
"""

from kubepy.simnode.config import SimNodeConfig
from kubepy.simnode.run import SimulatedNodes
from kubepy.simnode.stage import DEFAULT_STAGES, Next, Stage, When

__all__ = ["DEFAULT_STAGES", "Next", "SimNodeConfig", "SimulatedNodes", "Stage", "When"]
