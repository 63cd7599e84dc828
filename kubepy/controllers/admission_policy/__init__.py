"""Checks the expressions of ValidatingAdmissionPolicies against the types they will meet, for their status.

`typed` makes CEL types of built-in schemas, `checking` finds what is wrong (both pure), `controller` writes
it down.
"""
