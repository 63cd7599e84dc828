"""The service proxy: makes Services answer on every node (kube-proxy's place).

``model``    Services and EndpointSlices into service ports with their usable endpoints; pure
``ruleset``  service ports into packet rules, in kube-proxy's own chain layout; pure
``run``      watches, coalesces, applies; the only part with effects

Speaks to the API server through informers and to the kernel through ``netfilter``.
"""
