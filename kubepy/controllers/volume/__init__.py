"""Persistent volumes and claims: what is in use does not go."""
