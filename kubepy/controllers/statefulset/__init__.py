"""StatefulSet: pods with a name, a place in an order, and claims that outlive them.

``identity`` makes pods and claims and tells them apart, ``core`` decides which come and go and in what
order, ``claims`` who owns the volumes, ``status`` what to report: all pure. ``controller`` acts.
"""
