"""Binds claims to volumes, and tells provisioners what to make.

``binding`` is pure: which volume serves a claim, and what both look like once bound. ``controller`` goes
through the four writes of a binding in an order that survives a crash between any two of them.
"""
