"""Volumes: folders below the pod's own that containers find where they asked for them.

`payloads` works out, purely, which files config maps, secrets, the downward API and projections make;
`atomic_writer` puts them into place all at once; `mounts` are the kernel's; `manager` does a pod's volumes.
"""
