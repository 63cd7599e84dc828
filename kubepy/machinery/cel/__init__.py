"""The Common Expression Language, as Kubernetes uses it: rules of CustomResourceDefinitions and of admission.

Pure: text in, a compiled program out; a program reads plain JSON-shaped values where they lie and never
copies or changes them. The way of an expression: `lexer`, `parser` (with the macros), `checker` (types and
overloads), `interpreter` (closures); functions live in `libraries`, one module each. What an expression
costs is charged to a `Budget` while it runs, and can be estimated before (`estimate`). It knows no kind.
"""

from typing import TYPE_CHECKING

from kubepy.util.lean_imports import late

if TYPE_CHECKING:
    from kubepy.machinery.cel.budget import PER_CALL_LIMIT, PER_VALIDATION_LIMIT, Budget
    from kubepy.machinery.cel.errors import CompileError, CostExceeded, EvaluationError
    from kubepy.machinery.cel.program import Program, compile
else:
    # Loaded when first used: many clusters have no expression.
    __getattr__ = late(
        __name__,
        {
            "PER_CALL_LIMIT": "budget",
            "PER_VALIDATION_LIMIT": "budget",
            "Budget": "budget",
            "CompileError": "errors",
            "CostExceeded": "errors",
            "EvaluationError": "errors",
            "Program": "program",
            "compile": "program",
        },
    )

__all__ = [
    "PER_CALL_LIMIT",
    "PER_VALIDATION_LIMIT",
    "Budget",
    "CompileError",
    "CostExceeded",
    "EvaluationError",
    "Program",
    "compile",
]
