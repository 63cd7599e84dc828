"""The pod network of a node: a CNI network configuration list, and routes to the other nodes' pods.

`conflist` builds and writes what the container runtime's CNI plugins read; `interface` says what routes
to other nodes are, `routes` programs them in the kernel (host-gw or vxlan), `fake` only remembers them.

pyroute2 is used in `routes` only. This package imports `util` only; whoever knows the nodes calls it.
"""

from kubepy.cni.conflist import conflist, conflist_present, write_conflist
from kubepy.cni.interface import PeerNode, RouteBackend

__all__ = ["PeerNode", "RouteBackend", "conflist", "conflist_present", "write_conflist"]
