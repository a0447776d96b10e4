"""Countries by countryinfo: capital, continent, neighbours, demonym, area (package `countryinfo`)."""

from __future__ import annotations

from collections.abc import Iterator

import countryinfo

from emendo.verify.tables._countries import capital_names, country_names, partly
from emendo.verify.tables._row import Name, Row
from emendo.verify.tables._row import no_lookup as open_lookup
from emendo.verify.tables._row import no_values as other_values

PACKAGE = "countryinfo"
ORIGIN = "countryinfo"
LICENCE = "MIT"
RELATIONS = ("capital", "located_in", "continent", "area", "borders", "demonym")
__all__ = ["LICENCE", "ORIGIN", "PACKAGE", "RELATIONS", "open_lookup", "other_values", "rows"]
_REGIONS = {
    "Americas": ("North America", "South America"),
    "Polar": ("Antarctica",),
    "Antarctic": ("Antarctica",),
}


def rows() -> Iterator[Row]:
    """One row a country and relation."""
    names, capital = country_names(), capital_names()
    countries = countryinfo.all_countries()
    codes = {country.iso(3): country.iso(2) for country in countries}
    for country in countries:
        code = str(country.iso(2))
        if code not in names:
            continue
        region = country.region() or ""
        regions = _REGIONS.get(region, (region,) if region else ())
        if country.subregion() in ("South America",):
            regions = ("South America",)
        continents = tuple(
            Name(name=name, kind="continent", aliases=("America", "the Americas") if "America" in name else ())
            for name in regions
        )
        told: str | list[str] = country.capital() or []
        capitals = [told] if isinstance(told, str) else told
        area, demonym = country.area() or 0, country.demonym()
        values: dict[str, tuple[Name, ...]] = {
            "capital": tuple(capital(code, name) for name in capitals),
            "located_in": continents,
            "continent": continents,
            "area": (Name(name=f"{area:,} km²"),) if area else (),
            "borders": tuple(names[codes[other]] for other in country.borders() or () if codes.get(other) in names),
            "demonym": (Name(name=demonym),) if demonym else (),
        }
        for relation, known in values.items():
            if known:
                yield Row(
                    subject=names[code],
                    entity=f"country {code}",
                    relation=relation,
                    values=known,
                    partly=partly(code, relation, names),
                )
