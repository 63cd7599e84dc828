"""Custom resources: CustomResourceDefinitions become resources that are served like all others.

`CustomResources` follows the watch cache of definitions: it accepts their names, establishes them, serves
their versions, and drains their instances when a definition is deleted. Everything follows from the stored
definitions alone, so that any number of servers may do it, and any of them may die at any time. A version is
a `Kind` (kind.py) with a codec (codec.py) between it and the version objects rest in.
"""

from kubepy.apiserver.customresources.controller import CustomResources

__all__ = ["CustomResources"]
