"""Nodes that have the pod's images already start it sooner."""

from __future__ import annotations

from typing import Any

import numpy as np

from kubepy.scheduler.node_table import Ints
from kubepy.scheduler.plugins.interface import MAX_SCORE, SKIP, Cycle, ScorePlugin

MIN_SIZE = 23 << 20
MAX_SIZE_PER_CONTAINER = 1000 << 20


class ImageLocality(ScorePlugin):
    name = "ImageLocality"

    def prepare_score(self, cycle: Cycle, rows: Ints) -> Any:
        find = cycle.cache.images.find
        found = [found for image in cycle.pod.shape.images if (found := find(image))[1]]
        return found or SKIP

    def scores(self, cycle: Cycle, state: list[tuple[int, set[int]]], rows: Ints) -> Ints:
        table = cycle.cache.table
        nodes = len(table)
        sums: Ints = np.zeros(table.capacity, np.int64)
        for size, having in state:
            # An image that few nodes have counts little, so that they do not draw everything.
            sums[list(having)] += int(size * (len(having) / nodes))
        most = MAX_SIZE_PER_CONTAINER * len(cycle.pod.shape.images)
        return MAX_SCORE * (np.clip(sums[rows], MIN_SIZE, most) - MIN_SIZE) // (most - MIN_SIZE)
