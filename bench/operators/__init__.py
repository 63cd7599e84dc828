"""The same operator three times: on kubepy.operator, on kopf, on the official client's watch loop.

Each is a program: `python -m bench.operators.NAME NAMESPACE` with $KUBECONFIG. It writes status.seen =
spec.size of every Widget in the namespace, when the two differ, and runs until it is terminated.
"""

GROUP, VERSION, PLURAL = "bench.example.com", "v1", "widgets"
