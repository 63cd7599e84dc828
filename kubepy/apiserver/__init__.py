"""The API server: HTTPS in front, the storage behind, and one way between them for every kind.

request -> authentication -> authorization -> admission -> registry -> storage -> watch cache -> watch stream

`handlers` has one file per verb, generic over all kinds; a kind adds a small strategy in `registry`, never a
handler. Only this package opens `kubepy.storage`. It knows the other components only as clients.
"""
