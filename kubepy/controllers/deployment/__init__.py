"""Deployment: rolls its ReplicaSets from one template to the next."""
