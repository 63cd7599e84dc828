"""PodDisruptionBudget: how many of its pods may be evicted now. The eviction itself spends it.

``core`` is pure (budget, pods and the scale of what owns them in, status out); ``scales`` finds out how
many pods the owners mean to have; ``controller`` observes and writes the status.
"""
