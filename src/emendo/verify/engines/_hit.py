"""What a search engine finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A page.

    Attributes:
        url: Its address.
        snippet: Words of it; may be empty.
        date: When it was published; None where nobody says.
    """

    url: str
    snippet: str
    date: str | None = None
