"""ResourceQuota: counts anew what a namespace uses, when something has gone and every five minutes.

What comes is charged by admission; this controller gives back what goes. ``core`` is pure.
"""
