"""This machine as a Node.

`facts` is what it has, `status` (pure) how it is; `agent` tells the API; `network` is its part
of the pod network.
"""
