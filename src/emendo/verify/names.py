"""When two names are the same name.

Names are compared folded: without accents, case, punctuation, a leading "the", and with a few spellings made alike ("St." and
"Saint", "&" and "and"). Nothing here guesses: two names that are spelled in different ways are alike only if a table says so.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from spellchecker import SpellChecker

_SPELLINGS = {"st": "saint", "mt": "mount", "ft": "fort", "&": "and"}
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ß": "ss", "æ": "ae", "œ": "oe", "ı": "i"})

# Most names of tables are plain, and need no more than this.
_PLAIN = re.compile(r"[A-Za-z]+(?: [A-Za-z]+)*")
_SPELLED = re.compile(rf"\b(?:the|{'|'.join(_SPELLINGS)})\b", re.IGNORECASE)


def fold(name: str) -> str:
    """A name as it is compared."""
    if _PLAIN.fullmatch(name) and not _SPELLED.search(name):
        return name.lower()
    plain = unicodedata.normalize("NFKD", name.casefold().translate(_LETTERS))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    # "D.C." and "U.S." are one word; apostrophes join.
    plain = re.sub(r"(?<=\b\w)\.(?=\w\b)", "", plain)
    plain = re.sub(r"[’'ʻ`]", "", plain)
    words = re.findall(r"[^\W_]+|&", plain)
    if len(words) > 1 and words[0] == "the":
        words = words[1:]
    return " ".join(_SPELLINGS.get(word, word) for word in words)


def is_name(text: str) -> bool:
    """Whether a text names something: it is written as a name, or is one word that is in no list of English words."""
    return is_proper(text) or (re.fullmatch(r"[^\W\d_]{3,}", text) is not None and text.lower() not in _english_words())


def is_proper(name: str) -> bool:
    """Whether a name is written as one: every word but small ones begins with a capital letter or a digit."""
    words = [word for word in re.findall(r"[^\W_][\w.’'-]*", name) if word.lower() not in _SMALL]
    return bool(words) and all(word[0].isupper() or word[0].isdigit() for word in words)


@cache
def _english_words() -> frozenset[str]:
    """A constant that takes a third of a second to read, and is seldom needed."""
    return frozenset(SpellChecker(language="en").word_frequency.words())


_SMALL = frozenset("the of and de la le du des da do dos di del der den von van el al y e es in on upon sur am an".split())
