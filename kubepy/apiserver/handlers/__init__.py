"""One file per verb, generic over all kinds: from a parsed request to a store and back to bytes.

A handler knows HTTP and no kind; what is particular to a kind is in its strategy or in the subresource's
module of the registry.
"""
