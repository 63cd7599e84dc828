"""The Pod Security Standards: privileged, baseline and restricted, by version.

`baseline` and `restricted` are the single checks (pure functions of a pod's metadata and spec), `levels` puts
them together, `plugin` applies them by the labels of namespaces.
"""
