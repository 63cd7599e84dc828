"""Structural schemas: what a CustomResourceDefinition says about its objects, compiled into closures.

Pure: schemas and objects in, messages and changed objects out, in Kubernetes' words. `complete` checks that a
schema is structural; `pruning`, `defaulting`, `values` and `rules` make of it what every request needs:
dropping unknown fields, filling in defaults, checking values, running its CEL rules. It knows no kind, and
nothing of metadata beyond that it is not the schema's business.
"""

from kubepy.machinery.structural.compiled import Compiled
from kubepy.machinery.structural.complete import check

__all__ = ["Compiled", "check"]
"""`check` tells what keeps a schema from being structural; `Compiled` is all that a version needs of it."""
