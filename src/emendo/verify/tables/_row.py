"""The rows that tables give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Name:
    """What something is called.

    Attributes:
        name: In full.
        kind: "country", "us_state", "city", "continent", "language", "currency", "element", …; empty for numbers and codes.
        aliases: Other spellings.
    """

    name: str
    kind: str = ""
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Row:
    """One fact of a table.

    Attributes:
        subject: Whom it is about.
        entity: Tells it from its namesakes.
        relation: Name of a relation.
        values: All its values.
        partly: What holds in part, or is argued about: neither supported nor refuted by this row.
        is_complete: Whether there are no others.
        prominence: How well known the subject is; for places their inhabitants.
    """

    subject: Name
    entity: str
    relation: str
    values: tuple[Name, ...]
    partly: tuple[Name, ...] = ()
    is_complete: bool = True
    prominence: float = 1e8


def no_values() -> Iterator[Name]:
    """For tables that know no more values than their rows hold."""
    return iter(())


def no_lookup() -> Callable[[str, str], list[Row]]:
    """For tables whose rows are all indexed."""
    return lambda relation, name: []
