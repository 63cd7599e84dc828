"""Admission: plugins that change or refuse a write after authorization and before the registry.

`chain` runs them in Kubernetes' order; one plugin a file. A plugin reads the watch cache, never the storage.
"""
