"""The watch cache: every object once, as the JSON bytes that clients get and, on demand, as a dict.

One watch on the whole storage feeds it, so all resources share one revision and one order. GET, LIST and
WATCH read from here; a read is consistent because it waits until the cache has reached the storage's current
revision. An event is serialised once however many watch it. It knows no HTTP and no kind; it writes nothing.
"""

from kubepy.apiserver.cacher.cacher import Cacher
from kubepy.apiserver.cacher.entry import CacheEvent, Entry
from kubepy.apiserver.cacher.resource_cache import ResourceCache
from kubepy.apiserver.cacher.watcher import ObjectSelector, Watcher, WatchSink

__all__ = ["CacheEvent", "Cacher", "Entry", "ObjectSelector", "ResourceCache", "WatchSink", "Watcher"]
