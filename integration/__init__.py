"""The whole chain on one box: a real cluster, stock clients, real packets.

One cluster serves the session (``cluster``); each test works in a namespace of its own. Traffic stays
on the cluster's bridge and in its network namespaces.
"""
