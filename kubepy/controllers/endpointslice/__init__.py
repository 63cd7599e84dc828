"""Endpoints: which pods answer a Service, as EndpointSlices and as the older Endpoints.

``core`` makes endpoints of pods and fits them into slices, ``hints`` tells which zones and nodes they should
serve: both pure. ``controller`` does it for Services with a selector, ``mirroring`` for Endpoints that people
write themselves; ``writing`` and ``overlay`` carry slices to the API server.
"""
