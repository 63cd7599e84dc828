"""Machinery: what every part of Kubernetes shares and no kind owns.

Names of kinds and resources, object metadata, status errors, selectors, quantities, timestamps, schemas,
patches, JSONPath and tables: the counterpart of k8s.io/apimachinery. Everything here is pure: no I/O,
no clock, no event loop, and no kind known by name. It may import nothing of kubepy but `util`.
"""
