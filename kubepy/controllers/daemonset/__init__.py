"""DaemonSet: one pod on every node that it fits, pinned there by node affinity, bound by the scheduler.

``placement`` tells which nodes those are, ``core`` which pods come and go, ``rollout`` in what order
old ones are replaced, ``status`` what to report: all pure. ``controller`` observes and acts.
"""
