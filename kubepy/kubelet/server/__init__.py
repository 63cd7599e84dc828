"""The kubelet's HTTPS server: logs, exec, attach, port-forward, pods, health and metrics.

`app` routes and guards, `auth` says who may do what, `logs` reads containers' log files, `streams` joins
clients to the runtime's streaming server. aiohttp is used here (and in `probes`).
"""
