"""How alike two texts are by their words (TF-IDF).

weight(w) = log((1 + n) / (1 + texts with w)) + 1           over n known texts
likeness  = cosine of the word counts, each multiplied by its word's weight
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

Vector = Mapping[str, float]


class WordWeights:
    """The weights of words over some texts.

    Args:
        texts: The texts; a word that stands in none of them weighs the most.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        counts = Counter(word for text in texts for word in set(_words(text)))
        self._unseen = math.log(1 + len(texts)) + 1
        self._weights = {word: math.log((1 + len(texts)) / (1 + count)) + 1 for word, count in counts.items()}

    def vector(self, text: str) -> Vector:
        """The weighed counts of a text's words, with a norm of one; empty where it has no words."""
        counted = {word: count * self._weights.get(word, self._unseen) for word, count in Counter(_words(text)).items()}
        norm = math.sqrt(sum(value**2 for value in counted.values())) or 1.0
        return {word: value / norm for word, value in counted.items()}


def likeness(one: Vector, other: Vector) -> float:
    """The cosine of two vectors, in [0, 1]."""
    return sum(value * other.get(word, 0.0) for word, value in one.items())


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())
