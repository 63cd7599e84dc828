"""Nodes: their pod networks, their health, and the eviction of what cannot stay on them."""
