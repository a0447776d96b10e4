"""How varied generated text is, and how it resembles what would be said if the edit were true.

    GE   ½ (⅔ H₂ + 4/3 H₃),   Hₙ = −Σ f log₂ f over the frequencies f of the n-grams of prompt and continuation
    RS   cosine of the TF-IDF vectors of a case's continuations and of its reference texts

Both are those of Meng et al. (2022), who show GE and RS times 100. GE falls where a model repeats itself; it rises with the
length of the text, so it is compared between texts of the same limit only. Their reference texts are encyclopaedia articles;
here they are the case's attribute prompts, completed with the new target.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from emendo.evaluate.observation import AskedAnswer, Observation
from emendo.evaluate.word_weights import WordWeights, likeness

_WEIGHTS = {2: 2 / 3, 3: 4 / 3}


def n_gram_entropy(text: str) -> float:
    """GE of a text, in bits."""
    words = re.findall(r"\w+|[^\w\s]", text)
    return sum(weight * _entropy(words, n) for n, weight in _WEIGHTS.items()) / len(_WEIGHTS)


def fluency(answers: Sequence[AskedAnswer]) -> float | None:
    """Mean GE of prompts with their continuations, in bits; None where there are none."""
    if not answers:
        return None
    return sum(n_gram_entropy(f"{answer.question} {answer.text}") for answer in answers) / len(answers)


def reference_weights(observations: Sequence[Observation]) -> WordWeights:
    """The weights of words over the reference texts of all cases, each text once."""
    return WordWeights(list(dict.fromkeys(text for seen in observations for text in seen.references)))


def consistency(answers: Sequence[AskedAnswer], references: Sequence[str], weights: WordWeights) -> float | None:
    """RS of the continuations of a case, in [0, 1]; None where there are no continuations or no references."""
    if not answers or not references:
        return None
    said = " ".join(f"{answer.question} {answer.text}" for answer in answers)
    return likeness(weights.vector(said), weights.vector(" ".join(references)))


def _entropy(words: Sequence[str], n: int) -> float:
    """Entropy of the frequencies of the n-grams, in bits; 0 where there are none."""
    counts = Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
    total = counts.total()
    return -sum(count / total * math.log2(count / total) for count in counts.values()) + 0.0
