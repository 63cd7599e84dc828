"""One process's storage for other processes of the same machine: the workers of one API server.

`server` answers for a backend (SQLite, which one process holds) on stream sockets, `client` is the backend
at the other end, `channel` carries `messages` between them, `newest` is a word of memory that both see: reads
ask it, not the socket, how far they must have followed the watch. Both ends are the same program and trust
each other.
"""
