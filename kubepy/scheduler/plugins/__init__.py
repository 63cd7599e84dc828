"""The plugins of kube-scheduler's default profile, one file each, and the interface of all plugins.

A plugin's decisions are pure: it looks at the pod and the picture of the cluster, and answers. Only PreBind
writes, and only through the client that its `Handle` gave it.
"""
