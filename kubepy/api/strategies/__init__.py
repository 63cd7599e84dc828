"""Strategies: what becomes of an object between decoding and validation, on creates and on updates.

Status is dropped where it has its own subresource, each road of update keeps what it may not change, and
metadata.generation counts the changes that matter. `generic` does this for every kind; kinds with habits of
their own have a hook in the file of their group. Works in place; does no I/O.
"""

from kubepy.api.strategies.generic import Preparation, preparation, prepare_for_create, prepare_for_update

__all__ = ["Preparation", "preparation", "prepare_for_create", "prepare_for_update"]
