"""Tables of well-kept packages, one module each.

A table defines `PACKAGE`, `ORIGIN`, `LICENCE`, `RELATIONS` (the relations it has rows for) and `rows()`, which are indexed by the
names of their subjects. `other_values()` gives names of values that no row holds, and `open_lookup()` a function that finds the
rows of a table too large to be indexed; most tables take `no_values` and `no_lookup` for them.
"""

from emendo.registry import Registry
from emendo.verify.tables._row import Name, Row

TABLES = Registry("emendo.verify.tables", "table")

__all__ = ["TABLES", "Name", "Row"]
