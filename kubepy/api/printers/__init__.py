"""Printers: the columns and cells that `kubectl get` shows of each kind.

Column names, types, formats, descriptions and priorities are those of Kubernetes' server-side printing
(pkg/printers/internalversion), so that stock kubectl shows what it shows on any cluster. One file per group;
kinds without a printer get NAME and AGE. Pure functions of an object and the time.
"""

from kubepy.api.printers.registry import printer

__all__ = ["printer"]
