"""What the node, its pods and their containers use: CPU, memory, network, disk.

``cgroups`` and ``machine`` read the kernel's files, ``sampler`` joins them with what the runtime says to one
sample; ``summary`` and ``resource_metrics`` write a sample as /stats/summary and /metrics/resource (pure).
Nothing is collected unless somebody asks.
"""
