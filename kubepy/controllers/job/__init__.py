"""Job: runs pods until enough of them have succeeded, and counts each of them once.

``core`` decides from a Job and its pods alone; ``counting`` tells what a pod counts as, ``policies``
reads podFailurePolicy and successPolicy, ``indexes`` the sets of completion indexes, ``backoff`` how
long to wait after failures, ``pod_template`` makes pods. All pure; only ``controller`` writes.
"""
