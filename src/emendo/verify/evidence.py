"""What evidence is: a passage of a source with where, when and under which licence it stands, and the record it comes from if any.

A passage carries a digest of its bytes, so that a report says what it was judged by and can be judged again without the source.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Value:
    """A value that a record holds.

    Attributes:
        name: As the source writes it.
        kind: What it is: "city", "country", "language"; empty where nobody says.
        also: The spelling of the claim, where the source knows it as another name of this value.
    """

    name: str
    kind: str = ""
    also: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Record:
    """A row of a table, as far as it answers a claim.

    Attributes:
        subject: The subject as the claim writes it.
        entity: Whom the row is about, in words that tell namesakes apart: "city 5391959".
        relation: Name of the relation.
        values: All values that the row holds.
        partly: What holds in part, in the spellings of the claim.
        is_complete: Whether there are no others.
        prominence: How well known the subject is beside its namesakes.
        asked_kinds: For each spelling in the claim what the source knows it to be, such as ("France", "country").
    """

    subject: str
    entity: str
    relation: str
    values: tuple[Value, ...]
    partly: tuple[str, ...] = ()
    is_complete: bool = True
    prominence: float = 1.0
    asked_kinds: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Passage:
    """A piece of evidence.

    Attributes:
        source: Name of the source: "facts", "folder".
        origin: Whose words they are; two passages of one origin count once.
        locator: Where it stands: package, version and row; file, page and line; address.
        text: The words.
        licence: Of the words; empty where nobody says.
        date: ISO 8601, when they were written or last changed; None where nobody says.
        record: The row, for structured sources.
        entry: Number of a ledger's entry that it tells of; such a passage says what was intended and is no evidence of the truth.
    """

    source: str
    origin: str
    locator: str
    text: str
    licence: str = ""
    date: str | None = None
    record: Record | None = field(default=None, repr=False)
    entry: int | None = None

    @property
    def snapshot(self) -> str:
        """SHA-256 of the words."""
        return hashlib.sha256(self.text.encode()).hexdigest()
