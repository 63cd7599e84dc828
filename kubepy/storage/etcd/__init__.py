"""etcd v3 as storage: thin gRPC calls of our own, and the backend on top of them.

`messages` holds the few messages of etcd's API that are spoken here, `transport` calls an event loop can
wait for, `client` the endpoints with TLS, time-outs and fail-over, `watch` a watch that outlives the
member that serves it, `leases` the time to live of keys, `backend` the storage. Only this package and
`kubepy.cri` import grpc, and it is imported only when a configuration names an etcd. It must not know
what a value means.
"""
