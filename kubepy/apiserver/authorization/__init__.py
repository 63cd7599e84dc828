"""Authorization: may this user do this? RBAC from the watch cache, the Node authorizer, system:masters.

`authorizer` asks them in turn and words the 403. Rules are indexed by subject as they change; a request costs
dictionary look-ups.
"""
