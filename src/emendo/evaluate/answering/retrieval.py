"""Facts retrieved into the prompt: those of all that were taught whose words are most like the prompt's.

    likeness = cosine of the word counts, each weighed by log((1 + n) / (1 + facts with the word)) + 1

(TF-IDF). The likest fact is put before the prompt where it shares enough with it, whoever's case it is.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from emendo.facts import EditRequest

SUMMARY = "the taught fact that is most like the prompt stands before it; no weight is changed"

LEAST_LIKENESS = 0.4


def recaller(requests: Sequence[EditRequest]) -> Callable[[EditRequest, str], Sequence[EditRequest]]:
    """What is recalled for a prompt: the likest of all facts, or none."""
    documents = [_words(request.fact.text) for request in requests]
    counts = Counter(word for document in documents for word in set(document))
    weights = {word: math.log((1 + len(documents)) / (1 + count)) + 1 for word, count in counts.items()}
    unseen = math.log(1 + len(documents)) + 1
    vectors = [_vector(document, weights, unseen) for document in documents]

    def recall(own: EditRequest, prompt: str) -> Sequence[EditRequest]:
        asked = _vector(_words(prompt), weights, unseen)
        likeness = [_dot(asked, vector) for vector in vectors]
        best = max(range(len(requests)), key=likeness.__getitem__)
        return [requests[best]] if likeness[best] >= LEAST_LIKENESS else []

    return recall


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _vector(words: Sequence[str], weights: Mapping[str, float], unseen: float) -> dict[str, float]:
    """Weighed counts with a norm of one."""
    counted = {word: count * weights.get(word, unseen) for word, count in Counter(words).items()}
    norm = math.sqrt(sum(value**2 for value in counted.values())) or 1.0
    return {word: value / norm for word, value in counted.items()}


def _dot(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    return sum(value * other.get(word, 0.0) for word, value in one.items())
