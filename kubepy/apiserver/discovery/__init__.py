"""Discovery: what is served, as clients ask for it: /api, /apis and below, old style and aggregated.

Documents are built from the table of served resources when that changes, and kept as bytes with an ETag.
"""

from kubepy.apiserver.discovery.documents import Discovery, ForeignVersion

__all__ = ["Discovery", "ForeignVersion"]
