"""The node agent: makes a machine a Node and runs the pods that are bound to it.

`node` registers the Node, reports its condition and renews its Lease; `pod_workers` run each pod by
`pod_sync`, which uses `runtime` (sandboxes, containers, images), `volumes` and `probes`; `status` turns what
the runtime says into the API's words; `server` is the HTTPS server for logs, exec, attach and port-forward.

It talks to the API server by `client` and `informer`, to the container runtime by `cri`, and lays the node's
pod network by `cni`. What containers need must survive it: a kubelet that starts again finds everything it
knows in the runtime's labels and annotations and on the disk, and touches no running container.
"""
