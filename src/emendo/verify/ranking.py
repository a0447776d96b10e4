"""Which paragraphs a claim should be held against: those that share its rare words, and where embeddings are there, its sense.

Rankings are joined by reciprocal rank (Cormack et al. 2009):

    score(paragraph) = Σ over rankings of 1 / (60 + its rank there)
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from emendo.verify.embedding import Embedder
from emendo.verify.names import fold

# So many paragraphs that share words with a claim are put in order by their sense as well.
MOST_CANDIDATES = 50
_FLAT = 60

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


def best_by_sense(texts: Sequence[str], claim: str, limit: int, embedder: Embedder | None) -> list[int]:
    """Which of some texts to hold a claim against, the best first: by words, and by sense where there is an embedder."""
    by_words = best(texts, claim, MOST_CANDIDATES if embedder else limit)
    if embedder is None or not by_words:
        return by_words
    vectors = np.stack([embedder.embed(texts[at]) for at in by_words])
    return [by_words[at] for at in fused(vectors, embedder.embed(claim))][:limit]


def fused(vectors: NDArray[np.float32], claim: NDArray[np.float32]) -> list[int]:
    """The order of candidates that are given in the order of their words, by words and by sense."""
    similar = vectors @ claim
    by_sense = sorted(range(len(similar)), key=lambda at: (-similar[at], at))
    scores = {at: 1 / (_FLAT + at) + 1 / (_FLAT + rank) for rank, at in enumerate(by_sense)}
    return sorted(scores, key=lambda at: (-scores[at], at))
