"""Cluster DNS: answers for Services as the Kubernetes DNS specification (1.1.0) says, forwards the rest.

``names``    a question's name into what it asks for; pure
``records``  what is known of Services into answers; pure
``server``   UDP and TCP sockets, forwarding, health; the only part with effects

The wire format is dnspython's. Speaks to the API server through informers.
"""
