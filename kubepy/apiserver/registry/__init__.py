"""The registry: what reading and writing an object of a kind means, on top of storage and watch cache.

`store` is generic over all kinds; `strategy` is the small part a kind may change; further modules are the
subresources and allocators that belong to one kind. It knows no HTTP.
"""
