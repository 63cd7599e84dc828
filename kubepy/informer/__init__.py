"""A local copy of what the API server knows, kept current by list and watch.

`Reflector` lists and watches; `Indexer` holds the objects, `Lister` reads them; `SharedInformer` joins
the two and tells handlers what changed; `SharedInformerFactory` gives each resource one informer per process.

This package imports `client` and below; it never writes to the API server. Objects that it hands out are
shared: copy before changing one.
"""

from kubepy.informer.factory import SharedInformerFactory
from kubepy.informer.indexer import Indexer, Lister
from kubepy.informer.reflector import Reflector
from kubepy.informer.shared_informer import SharedInformer
from kubepy.informer.transform import drop_managed_fields, keep_fields

__all__ = [
    "Indexer",
    "Lister",
    "Reflector",
    "SharedInformer",
    "SharedInformerFactory",
    "drop_managed_fields",
    "keep_fields",
]
