"""Authentication: from a connection and its headers to a User, or 401.

One authenticator a file; `request` asks them in turn. An authenticator may read the watch cache, never the
storage, and says nothing about what its user may do.
"""
