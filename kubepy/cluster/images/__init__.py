"""Images without a registry: what kubepy builds itself, kept as one OCI image layout.

``oci``      writes an image layout (blobs, manifests, index), deterministically
``recipes``  what goes into pause, busybox and kubepy
``mirror``   serves the layout to containerd over the registry protocol
"""
