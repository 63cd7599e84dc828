"""The scheduler: finds a node for every pod that has none.

``queue``      pods that wait: active by priority, backing off, unschedulable until an event helps, gated
``cache``      nodes with what runs on them, pods just assumed included
``node_table``, ``counters``  the same as columns of numbers, kept in step pod by pod
``plugins``    the plugins of the default profile, one file each, and the interface for yours
``filtering``, ``algorithm``, ``preemption``  all plugins together: a verdict in Kubernetes' words; pure
``scheduler``  the loop; with ``binding``, ``status`` and ``handlers`` the only parts with effects

numpy is used here and nowhere else. Talks to nothing but the API server.
"""
