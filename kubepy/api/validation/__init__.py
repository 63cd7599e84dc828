"""Validation: which rules of Kubernetes an object breaks, as causes with Kubernetes' own texts.

Types and unknown fields were settled by decoding; what is here is the meaning (pkg/apis/*/validation of
Kubernetes). One file per group or large kind; `registry` maps kinds to their rules, `generic` runs them after
those of ObjectMeta. Nothing here changes the objects it is given.
"""

from kubepy.api.validation.generic import Validator, validate_create, validate_update, validator, warnings

__all__ = ["Validator", "validate_create", "validate_update", "validator", "warnings"]
