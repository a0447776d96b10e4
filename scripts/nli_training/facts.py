"""Subjects and values for pairs: from tables, from the relations of Hernandez et al. (2023), from CounterFact (Meng et al. 2022).

Whether a fact is true does not matter to a judge that compares a claim with evidence, and half of the facts are made up on
purpose, so that it learns to read and not to remember.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from emendo.verify.tables import TABLES

_FILES = {
    "city_in_country": "city_country", "company_ceo": "ceo", "company_hq": "headquarters", "country_capital_city": "capital",
    "country_currency": "currency", "country_language": "language", "country_largest_city": "largest_city",
    "food_from_country": "origin", "landmark_in_country": "landmark_country", "person_father": "father",
    "person_mother": "mother", "person_native_language": "native_language", "person_occupation": "occupation",
    "person_plays_instrument": "instrument", "person_plays_position_in_sport": "playing_position",
    "person_plays_pro_sport": "sport", "person_university": "university", "pokemon_evolutions": "evolution",
    "product_by_company": "maker", "star_constellation": "constellation", "superhero_archnemesis": "archnemesis",
    "superhero_person": "secret_identity",
}  # fmt: skip
_PROPERTIES = {
    "P17": "landmark_country", "P131": "landmark_city", "P276": "landmark_city", "P27": "citizenship", "P103": "native_language",
    "P1412": "speaks", "P413": "playing_position", "P364": "original_language", "P937": "workplace", "P37": "official_language",
    "P19": "birthplace", "P106": "occupation", "P20": "deathplace", "P190": "twin_city", "P495": "origin", "P136": "genre",
    "P740": "founded_in", "P449": "network", "P1303": "instrument", "P101": "field", "P178": "maker", "P176": "maker",
    "P159": "headquarters", "P140": "religion", "P127": "owner", "P641": "sport", "P108": "employer",
}  # fmt: skip
_TABLES = {
    ("country", "capital"): "capital", ("country", "largest_city"): "largest_city", ("country", "continent"): "continent",
    ("country", "currency"): "currency", ("country", "official_language"): "official_language",
    ("country", "language"): "language", ("country", "calling_code"): "calling_code", ("country", "domain"): "domain",
    ("country", "borders"): "borders", ("element", "atomic_number"): "atomic_number", ("element", "symbol"): "symbol",
    ("us_state", "statehood"): "statehood", ("us_state", "capital"): "state_capital", ("airport", "airport_code"): "airport_code",
}  # fmt: skip
_MOST_AIRPORTS = 300


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known, by relation.

    Attributes:
        values: For each relation and subject its values.
        pools: For each relation all values.
    """

    values: dict[str, dict[str, set[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(set)))
    pools: dict[str, list[str]] = field(default_factory=dict)


def read_facts(data: Path) -> Facts:
    """The facts of the data folder and of the tables."""
    facts = Facts()
    for relation, subject, value in [*_relations(data), *_counterfact(data), *_tables()]:
        facts.values[relation][subject].add(value)
    for relation, known in facts.values.items():
        facts.pools[relation] = sorted({value for values in known.values() for value in values})
    return facts


def _relations(data: Path) -> Iterator[tuple[str, str, str]]:
    for file, relation in _FILES.items():
        told = json.loads((data / "relations" / f"{file}.json").read_text(encoding="utf-8"))
        yield from ((relation, sample["subject"], sample["object"]) for sample in told["samples"])


def _counterfact(data: Path) -> Iterator[tuple[str, str, str]]:
    folder = data / "counterfact"
    cases = json.loads((folder / "counterfact-300.json").read_text(encoding="utf-8"))
    known = {case["requested_rewrite"]["prompt"]: case["requested_rewrite"]["relation_id"] for case in cases}
    for case in json.loads((folder / "counterfact-flat.json").read_text(encoding="utf-8")):
        relation = _PROPERTIES.get(known.get(case["prompt"].replace(case["subject"], "{}"), ""))
        if relation is not None:
            yield relation, case["subject"], case["ground_truth"]


def _tables() -> Iterator[tuple[str, str, str]]:
    for name in TABLES.names():
        at = 0
        for row in TABLES.get(name).rows():
            relation = _TABLES.get((row.subject.kind, row.relation))
            at += relation == "airport_code"
            if relation is None or (relation == "airport_code" and at > _MOST_AIRPORTS):
                continue
            subject = row.subject.name.capitalize() if row.subject.kind == "element" else row.subject.name
            yield from ((relation, subject, value.name) for value in row.values)
