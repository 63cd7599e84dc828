"""Admission by policies: CEL expressions that validate or mutate, and bindings that say where.

`compiled` are policies and bindings, `dispatch` finds what concerns a write with its parameters, `validating`
and `mutating` are the two plugins, `type_checking` what a policy's status says about its expressions.
"""
