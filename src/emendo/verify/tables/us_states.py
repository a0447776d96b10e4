"""The states of the USA: capital, year of statehood, postal abbreviation (package `us`)."""

from __future__ import annotations

from collections.abc import Iterator

import us

from emendo.verify.tables._row import Name, Row
from emendo.verify.tables._row import no_lookup as open_lookup
from emendo.verify.tables._row import no_values as other_values

PACKAGE = "us"
ORIGIN = "us"
LICENCE = "BSD-3-Clause"
RELATIONS = ("capital", "statehood", "abbreviation", "located_in", "continent")
__all__ = ["LICENCE", "ORIGIN", "PACKAGE", "RELATIONS", "open_lookup", "other_values", "rows"]


def rows() -> Iterator[Row]:
    """One row a state and relation."""
    country = Name(
        name="United States",
        kind="country",
        aliases=("USA", "U.S.", "US", "U.S.A.", "United States of America"),
    )
    continent = Name(name="North America", kind="continent", aliases=("America", "the Americas"))
    for state in us.STATES:
        subject = Name(name=state.name, kind="us_state", aliases=(f"State of {state.name}", state.ap_abbr))
        entity = f"us_state {state.abbr}"
        values = {
            "capital": (Name(name=state.capital, kind="city"),),
            "statehood": (Name(name=str(state.statehood_year), kind="date"),),
            "abbreviation": (Name(name=state.abbr),),
            "located_in": (country, continent),
            "continent": (continent,),
        }
        for relation, names in values.items():
            # Hawaii is an American state in Oceania.
            if state.abbr == "HI" and relation in ("located_in", "continent"):
                names = names[:1] if relation == "located_in" else (Name(name="Oceania", kind="continent"), continent)
            yield Row(subject=subject, entity=entity, relation=relation, values=names)
