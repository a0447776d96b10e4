"""Wikidata by its API: what it states of a claim's subject and relation, as rows. Needs the network.

Statements that were deprecated or have ended are left out; where some are preferred the others are too. The revision is cited.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from emendo.errors import SourceFailed
from emendo.verify.claims import Claim
from emendo.verify.evidence import Passage, Record, Value
from emendo.verify.names import fold
from emendo.verify.relations import RELATIONS
from emendo.verify.statements import Statement
from emendo.verify.wikimedia import WikimediaApi

PROPERTIES = {
    "capital": "P36",
    "continent": "P30",
    "currency": "P38",
    "official_language": "P37",
    "population": "P1082",
    "birthplace": "P19",
    "birth_date": "P569",
    "deathplace": "P20",
    "death_date": "P570",
    "native_language": "P103",
    "speaks": "P1412",
    "occupation": "P106",
    "employer": "P108",
    "citizenship": "P27",
    "father": "P22",
    "mother": "P25",
    "ceo": "P169",
    "headquarters": "P159",
    "foundation_date": "P571",
    "founded_in": "P740",
    "maker": "P176",
    "owner": "P127",
    "origin": "P495",
    "original_language": "P364",
    "network": "P449",
    "symbol": "P246",
    "atomic_number": "P1086",
    "constellation": "P59",
}
_SUBJECTS = 3
_ENDED = "P582"
# How much less the next item that is found is meant than the one before.
_LESS = 0.01
_DAY, _MONTH = 11, 10


@dataclass(frozen=True, kw_only=True)
class Config(WikimediaApi):
    """Which Wikidata.

    Attributes:
        endpoint: Address of its API.
    """

    endpoint: str = "https://www.wikidata.org/w/api.php"


def version(config: Config) -> str:
    """The endpoint and the day."""
    return f"{config.endpoint} {config.day}"


def search(claim: Claim, limit: int, config: Config) -> list[Passage]:
    """What is stated of the subjects of the claim's readings; empty where no property stands for the relation.

    Raises:
        SourceFailed: The API cannot be reached, or answers with something else.
    """
    passages: list[Passage] = []
    try:
        for statement in claim.statements:
            if statement.relation in PROPERTIES:
                passages += _of_statement(statement, config)
    except (KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
        raise SourceFailed(f"The API of Wikidata answered in another form than expected ({error!r}).") from error
    return passages[:limit]


def _of_statement(statement: Statement, config: Config) -> Iterator[Passage]:
    found = _ask(config, action="wbsearchentities", search=statement.subject, language="en", limit=str(_SUBJECTS))
    ids = [hit["id"] for hit in found["search"]]
    entities = _entities(config, ids, "claims|labels|aliases|info") if ids else {}
    subjects = [item for item in ids if fold(statement.subject) in _spellings(entities[item])]
    for at, item in enumerate(subjects):
        entity = entities[item]
        snaks = _current(entity.get("claims", {}).get(PROPERTIES[statement.relation], []))
        if not snaks:
            continue
        items = [snak["value"]["id"] for snak in snaks if snak["type"] == "wikibase-entityid"]
        names = _entities(config, items, "labels|aliases") if items else {}
        values = [value for snak in snaks if (value := _value(snak, names, statement)) is not None]
        if not values:
            continue
        label = RELATIONS[statement.relation].label
        yield Passage(
            source="wikidata",
            origin="Wikidata",
            locator=f"{item}, {PROPERTIES[statement.relation]}, revision {entity['lastrevid']}",
            text=f"{_label(entity)}: {label}: {', '.join(value.name for value in values)}",
            licence="CC0-1.0",
            date=entity["modified"][:10],
            record=Record(
                subject=statement.subject,
                entity=f"item {item}",
                relation=statement.relation,
                values=tuple(values),
                is_complete=len(values) == len(snaks),
                prominence=_LESS**at,
            ),
        )


def _current(statements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The values of the statements that hold: preferred ones where there are any."""
    held = [
        row
        for row in statements
        if row["rank"] != "deprecated" and row["mainsnak"]["snaktype"] == "value" and _ENDED not in row.get("qualifiers", {})
    ]
    preferred = [row for row in held if row["rank"] == "preferred"]
    return [row["mainsnak"]["datavalue"] for row in preferred or held]


def _value(snak: dict[str, Any], names: dict[str, Any], statement: Statement) -> Value | None:
    told = snak["value"]
    if snak["type"] == "wikibase-entityid":
        entity = names[told["id"]]
        name = _label(entity)
        is_known = fold(statement.value) in _spellings(entity)
        return Value(name=name, also=(statement.value,) if is_known else ()) if name else None
    if snak["type"] == "time":
        # "+1867-11-07T00:00:00Z"; years before our era are not read.
        year, month, day = told["time"].lstrip("+").split("T")[0].split("-")[-3:]
        precise = told["precision"]
        parts = (year, month, day) if precise >= _DAY else (year, month) if precise == _MONTH else (year,)
        return None if told["time"].startswith("-") else Value(name="-".join(parts))
    if snak["type"] == "quantity":
        return Value(name=told["amount"].lstrip("+"))
    return Value(name=told) if isinstance(told, str) else None


def _entities(config: Config, ids: list[str], props: str) -> dict[str, Any]:
    told = _ask(config, action="wbgetentities", ids="|".join(ids[:50]), props=props, languages="en")
    entities: dict[str, Any] = told["entities"]
    return entities


def _label(entity: dict[str, Any]) -> str:
    return str(entity.get("labels", {}).get("en", {}).get("value", ""))


def _spellings(entity: dict[str, Any]) -> set[str]:
    aliases = entity.get("aliases", {}).get("en", [])
    return {fold(name) for name in (_label(entity), *(alias["value"] for alias in aliases)) if name}


def _ask(config: Config, **params: str) -> Any:
    return config.fetcher.json(config.endpoint, {"format": "json", "formatversion": "2", **params})
