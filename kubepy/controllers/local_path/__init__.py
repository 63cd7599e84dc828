"""Makes the volumes of StorageClasses with the provisioner kubepy.io/local-path: a folder on one node.

``core`` is pure: the volume for a claim, the pod that removes what a volume held. ``controller`` answers the
binder's and the scheduler's annotations on claims, as an external provisioner does, and reclaims what is
released. The kubelet of the volume's node makes the folder.
"""
