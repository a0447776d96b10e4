"""Whether a text is in a language that the rules can read.

The rules read English. A text in another language is not called safe: it is called `language_unsupported`. A text counts as
English unless most of its letters are not Latin, or it holds function words of another language and more of them than
English ones, or it holds no English function word at all and is very long, or long with letters that English has not.
"""

from __future__ import annotations

import re
import unicodedata

_ENGLISH = frozenset(
    "the a an is are was were of in on at to for with and or but not by from as it its this that these those he she they his "
    "her their there has have had be been which who what where when also into than after before about".split()
)
_FOREIGN = frozenset(
    "der die das und ist ein eine nicht von mit den dem des im auf wurde hauptstadt le la les un une et est dans du des que qui "
    "ne pas pour avec sur sont el los las y es una en por con del su se ha il lo gli di che per della nel sono o os da do em "
    "uma não com são het een van zijn niet voor och är som att det på av den til og er jest w na z się nie ve bir bu için".split()
)
_LONG, _VERY_LONG = 6, 12


def is_english(text: str) -> bool:
    """Whether the rules can read a text; one of a word or two always counts."""
    letters = [letter for letter in text if letter.isalpha()]
    if not letters:
        return True
    latin = sum("LATIN" in unicodedata.name(letter, "") for letter in letters)
    if latin * 2 < len(letters):
        return False
    words = [word.lower() for word in re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)*", text)]
    # Words in capitals inside a sentence are names: "Rio de Janeiro" speaks no Portuguese here.
    names = re.findall(
        r"\b[A-Z][\w’'-]+(?:\s+(?:de|la|le|du|da|do|di|del|des|los|las|el|van|von|der|den)\s+[\w’'-]+)+", text
    )
    hidden = [word.lower() for name in names for word in name.split()]
    english = sum(word in _ENGLISH or word.endswith(("'s", "’s", "n't", "n’t")) for word in words)
    foreign = sum(word in _FOREIGN for word in words) - sum(word in _FOREIGN for word in hidden)
    if foreign >= 2 and foreign > english:
        return False
    if english or len(words) < _LONG:
        return True
    return len(words) < _VERY_LONG and all(word.isascii() for word in re.findall(r"\b[^\W\d_A-Z]+\b", text))
