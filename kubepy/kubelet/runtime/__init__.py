"""Pods on a container runtime: from the API's pod to CRI's sandboxes and containers, and back.

`sandbox_config`, `container_config` and `security` build what the runtime is given; `pod_runtime` reads what
it says, by the labels it keeps for us; `actions` decides, purely, what to start and what to kill; `starter`,
`killer` and `images` do it.
"""
