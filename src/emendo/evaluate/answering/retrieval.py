"""Facts retrieved into the prompt: those of all that were taught whose words are most like the prompt's (TF-IDF).

The likest fact is put before the prompt where it shares enough with it, whoever's case it is. See `word_weights`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from emendo.evaluate.word_weights import WordWeights, likeness
from emendo.facts import EditRequest

SUMMARY = "the taught fact that is most like the prompt stands before it; no weight is changed"

LEAST_LIKENESS = 0.4


def recaller(requests: Sequence[EditRequest]) -> Callable[[EditRequest, str], Sequence[EditRequest]]:
    """What is recalled for a prompt: the likest of all facts, or none."""
    texts = [request.fact.text for request in requests]
    weights = WordWeights(texts)
    vectors = [weights.vector(text) for text in texts]

    def recall(own: EditRequest, prompt: str) -> Sequence[EditRequest]:
        asked = weights.vector(prompt)
        alike = [likeness(asked, vector) for vector in vectors]
        best = max(range(len(requests)), key=alike.__getitem__)
        return [requests[best]] if alike[best] >= LEAST_LIKENESS else []

    return recall
