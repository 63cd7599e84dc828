"""What every component needs and no Kubernetes concept appears in: time, retries, tasks, logs, configuration.

`clock` is the only place in the project that reads the time or sleeps; everything else is handed a Clock, so
that a five-minute wait takes a millisecond in a test. `backoff`, `tasks`, `logging`, `config` and `ready`
(the service manager's readiness protocol) are small helpers around it.

This package may not import any other package of kubepy and does not talk to the network.
"""
