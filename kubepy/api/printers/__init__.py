"""Printers: the columns and cells that `kubectl get` shows of each kind.

Column names, types, formats, descriptions and priorities are those of Kubernetes' server-side printing
(pkg/printers/internalversion), so that stock kubectl shows what it shows on any cluster. One file per group;
kinds without a printer get NAME and AGE. Pure functions of an object and the time.
"""

from typing import TYPE_CHECKING

from kubepy.util.lean_imports import late

if TYPE_CHECKING:
    from kubepy.api.printers.registry import printer
else:
    __getattr__ = late(__name__, {"printer": "registry"})

__all__ = ["printer"]
