"""The built-in resources: what the API server must know of each kind, as data and small functions.

`resources` names them, `scheme` is the front door (schema, defaulting, validation, preparation before
storage, field selectors, printer columns). Each sub-package has one file per API group or kind.
It does no I/O but read the schema package's file, once and only when asked; it knows nothing of servers,
clients or storage, and never keeps an object it was given.
"""
