"""What an answer names: whole words, compared without case and accents.

The subject's own name is taken out of the text first: "Porsche 911" must not count as "Porsche". A name of at most three
letters is compared with its case, or "US" would be named by "us" and "IT" by "it".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_SHORT = 3
# A full stop after these ends no sentence.
_ABBREVIATED = re.compile(r"(?:\b[A-Za-z]|\b(?:Mr|Mrs|Ms|Dr|St|Jr|Sr|Prof|Inc|Ltd|Co|vs|etc|No|Mt|Ft))\.$")
_END = re.compile(r"[.!?]+[\"')\]]*(?=\s|$)|\n")


def names_first(text: str, wanted: str, other: str, *, subject: str = "") -> bool:
    """Whether a text names one target, and not the other before it.

    Args:
        text: What was said.
        wanted: The target that should be named.
        other: The target that should not come first; it may begin inside the wanted one.
        subject: A name that is taken out of the text first.
    """
    words = re.sub(_bounded(subject), " ", plain(text)) if subject else plain(text)
    found, rival = re.search(_bounded(wanted), words), re.search(_bounded(other), words)
    if found is None or rival is None:
        return found is not None
    # Where both begin at one place, as "Jefferson" and "Jefferson City", the longer one was said.
    return (found.start(), -len(found[0])) <= (rival.start(), -len(rival[0]))


def names_any(text: str, names: Sequence[str]) -> bool:
    """Whether a text gives one of several names of a thing; those of at most three letters are compared with their case."""
    words = plain(text)
    return any(
        re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) if len(name) <= _SHORT else re.search(_bounded(name), words)
        for name in names
    )


def first_sentence(text: str) -> str:
    """A text up to the end of its first sentence or line, without the mark that ends it."""
    text = text.strip()
    for mark in _END.finditer(text):
        if mark[0] == "\n" or not _ABBREVIATED.search(text[: mark.end()]):
            return text[: mark.start()].strip()
    return text.strip()


def plain(text: str) -> str:
    """A text without case and accents."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))


def _bounded(name: str) -> str:
    """A pattern for a name that no letter or digit adjoins."""
    return rf"(?<!\w){re.escape(plain(name))}(?!\w)"
