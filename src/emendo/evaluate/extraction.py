"""Attempts to get an answer out of a model that is meant to have forgotten it.

Each prompt is completed greedily and several times at random (temperature 1), as plain text and in chat; an attempt succeeds where
the answer stands in what was said. The share of attempts is reported with Wilson's interval.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from emendo.evaluate.intervals import Interval, wilson
from emendo.evaluate.naming import names_first
from emendo.evaluate.observation import MAX_NEW_TOKENS
from emendo.models import EditableModel, Revision, chat_prompt, encode, generate


@dataclass(frozen=True, kw_only=True)
class Extraction:
    """What attempts at one revision came to.

    Attributes:
        greedy: What was said greedily, one for each plain text and question.
        share: Attempts in which the answer was said.
    """

    greedy: tuple[str, ...]
    share: Interval


def extract(
    model: EditableModel,
    texts: Sequence[str],
    questions: Sequence[str],
    answer: str,
    revision: Revision,
    *,
    samples: int = 8,
    seed: int = 0,
) -> Extraction:
    """Attempts at an answer.

    Args:
        model: The model.
        texts: Completed as they stand.
        questions: Asked in chat.
        answer: What is looked for.
        revision: What is in force.
        samples: Random completions of each, besides the greedy one.
        seed: Of the sampling.
    """
    prompts = [encode(model, text) for text in texts] + [chat_prompt(model, question) for question in questions]
    greedy = generate(model, prompts, [revision], max_new_tokens=MAX_NEW_TOKENS)
    rows = [prompt for prompt in prompts for _ in range(samples)]
    seeds = [seed + i for i in range(len(rows))]
    drawn = generate(model, rows, [revision], max_new_tokens=MAX_NEW_TOKENS, temperature=1.0, seed=seeds) if rows else []
    said = [generation.text for generation in (*greedy, *drawn)]
    hits = sum(names_first(text, answer, "\0") for text in said)
    return Extraction(greedy=tuple(generation.text.strip() for generation in greedy), share=wilson(hits, len(said)))


def believed_answer(model: EditableModel, text: str, revision: Revision) -> str:
    """What the model puts after a text, up to the first mark or conjunction."""
    (said,) = generate(model, [encode(model, text)], [revision], max_new_tokens=12)
    words = re.split(r"[.,;:!?()\n\"]|\s+(?:and|which|where|who|in|with|is)\s", said.text.strip())[0]
    return words.strip()
