"""What a relation is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Domain = Literal["name", "word", "number", "date"]


@dataclass(frozen=True, kw_only=True)
class Relation:
    """One relation.

    Attributes:
        name: What it is called in claims and tables.
        label: What it is called in sentences: "capital".
        nouns: Patterns of nouns that stand for it.
        wordings: Patterns of whole sentences.
        domain: What a value is: a proper name, any word, a number or a date.
        is_functional: Whether a subject has one value at a time.
        changes: Whether the value may be another one next year.
        implied_by: Relations whose values are values of this one too: who has a native language speaks it.
        tolerance: For numbers, how far apart, relatively, two values count as the same.
    """

    name: str
    label: str
    nouns: tuple[str, ...] = ()
    wordings: tuple[str, ...] = field(default=(), repr=False)
    domain: Domain = "name"
    is_functional: bool = True
    changes: bool = False
    implied_by: tuple[str, ...] = ()
    tolerance: float = 0.0
