"""The paragraphs of a text that share most with a claim: rare words of the claim count more, by how few paragraphs hold them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from emendo.verify.names import fold

_EMPTY = frozenset(
    "the a an is are was were of in on at to for and or not it its that this by with from as has have".split()
)


def content_words(text: str) -> list[str]:
    """The words of a text that say something, each once, in lower case."""
    words = dict.fromkeys(word.lower() for word in re.findall(r"[^\W_]+", text))
    return [word for word in words if word not in _EMPTY]


def best(texts: Sequence[str], claim: str, limit: int) -> list[int]:
    """Which of some texts share most with a claim, the best first; those that share nothing are left out."""
    asked = set(fold(claim).split()) - _EMPTY
    held = [set(fold(text).split()) & asked for text in texts]
    weights = {word: math.log(1 + len(texts) / (1 + sum(word in words for words in held))) for word in asked}
    scores = [sum(weights[word] for word in sorted(words)) for words in held]
    order = sorted(range(len(texts)), key=lambda at: (-scores[at], at))
    return [at for at in order if scores[at] > 0][:limit]
