"""The controllers of kube-controller-manager, each one room, on our own operator framework.

In each room ``core`` is pure (observed state in, actions out) and ``controller`` observes and acts.
Level-triggered and idempotent: a controller that was away does the right thing from the present
state alone. Talks to nothing but the API server.
"""
