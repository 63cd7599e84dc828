"""ControllerRevisions: the templates that a StatefulSet or DaemonSet had, for rolling back to.

``revisions`` is pure; ``store`` keeps the revisions of one owner in the API server.
"""
