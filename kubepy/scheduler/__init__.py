"""The scheduler: finds a node for every pod that has none.

``queue``      pods that wait: active by priority, backing off, unschedulable until an event may help
``cache``      nodes with what runs on them, pods just assumed included
``plugins``    filters and scores of the default profile, one file each; pure
``algorithm``  filters and scores together: a verdict with Kubernetes' own message; pure
``run``        informers, the loop, binding; the only part with effects
"""
