"""The kernel's packet rules: an edge of the system.

``interface``  rules and rulesets as plain data, and the ``PacketFilter`` that loads them
``iptables``   legacy xtables through python-iptables, in a worker process of its own
``conntrack``  forgetting connections whose endpoint is gone
``fake``       a PacketFilter for unit tests, which keeps what it is given

Knows nothing of Services. Only the proxy, the cloud and the network-policy agent may import it;
``iptc`` and ``pyroute2`` stay inside.
"""
