"""Legacy xtables through python-iptables.

``compiler`` and ``kernel`` import iptc and run in ``worker``, a process of its own: iptc is not
thread-safe, keeps its sockets in the namespace where they were opened, and borrows fd 1.
``client`` is the PacketFilter that the rest of kubepy holds: it starts the worker, feeds it
changes only, and starts it again when it dies.
"""
