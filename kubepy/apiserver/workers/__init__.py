"""Several processes behind one port of one API server, where one processor is not enough.

The process that was started (`parent`) holds the listening socket and the storage; it answers no request.
Each `worker` is a whole API server over that storage (`kubepy.storage.shared`, or etcd itself) that gets its
connections handed over (`acceptor`, `handover`). They agree as API servers of several masters do: through the
storage alone.
"""
