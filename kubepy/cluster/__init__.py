"""Clusters: composes the components into something a person can hold.

A *machine* is a network namespace with a supervisor in it; the supervisor starts containerd and
the kubepy components as separate processes, the same commands with the same configuration files
that the systemd units run. This package lays keys, configuration, machines and images down, and
takes them away again; it decides nothing that a component decides.

May import every package below it, ``pyroute2`` for devices and namespaces; must not import the
edges ``storage``, ``cri`` and ``netfilter``.
"""
