"""The chemical elements: symbol, atomic number, atomic mass (package `periodictable`)."""

from __future__ import annotations

from collections.abc import Iterator

import periodictable

from emendo.verify.tables._row import Name, Row
from emendo.verify.tables._row import no_lookup as open_lookup
from emendo.verify.tables._row import no_values as other_values

PACKAGE = "periodictable"
ORIGIN = "periodictable"
LICENCE = "public domain"
RELATIONS = ("symbol", "atomic_number", "atomic_mass")
__all__ = ["LICENCE", "ORIGIN", "PACKAGE", "RELATIONS", "open_lookup", "other_values", "rows"]
_SPELLINGS = {"aluminum": ("aluminium",), "cesium": ("caesium",), "sulfur": ("sulphur",)}


def rows() -> Iterator[Row]:
    """One row an element and relation; the neutron, number 0, is none."""
    for element in periodictable.elements:
        if element.number < 1:
            continue
        subject = Name(name=element.name, kind="element", aliases=_SPELLINGS.get(element.name, ()))
        values = {"symbol": element.symbol, "atomic_number": str(element.number), "atomic_mass": f"{element.mass:g}"}
        for relation, value in values.items():
            kind = "symbol" if relation == "symbol" else ""
            yield Row(
                subject=subject,
                entity=f"element {element.number}",
                relation=relation,
                values=(Name(name=value, kind=kind),),
            )
