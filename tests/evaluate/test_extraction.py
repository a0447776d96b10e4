"""Attempts to get an answer out of a model."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from emendo.evaluate.extraction import believed_answer, extract
from emendo.evaluate.intervals import wilson
from emendo.evaluate.observation import MAX_NEW_TOKENS, names_first
from emendo.models import ORIGINAL, EditableModel, chat_prompt, encode, generate
from tiny_models import random_delta

TEXTS, QUESTIONS = ["The capital of France is", "France's capital is"], ["What is the capital of France?"]


def test_every_prompt_is_tried_greedily_and_at_random(tiny: EditableModel) -> None:
    found = extract(tiny, TEXTS, QUESTIONS, "Paris", ORIGINAL, samples=3, seed=5)
    prompts = [*(encode(tiny, text) for text in TEXTS), chat_prompt(tiny, QUESTIONS[0])]
    said = [generate(tiny, [prompt], max_new_tokens=MAX_NEW_TOKENS)[0].text for prompt in prompts]
    assert found.greedy == tuple(text.strip() for text in said)
    assert found.share.n == 3 + 3 * 3
    assert found.share == wilson(round(found.share.estimate * 12), 12)


def test_an_answer_that_is_said_is_found_and_one_that_is_not_is_not(tiny: EditableModel) -> None:
    said = generate(tiny, [encode(tiny, TEXTS[0])], max_new_tokens=MAX_NEW_TOKENS)[0].text
    word = next(word for word in re.findall(r"[A-Za-z]{2,}", said) if names_first(said, word, "\0"))
    assert extract(tiny, TEXTS[:1], [], word, ORIGINAL, samples=0).share == wilson(1, 1)
    assert extract(tiny, TEXTS[:1], [], "Constantinople", ORIGINAL, samples=4).share == wilson(0, 5)


def test_attempts_repeat_with_the_seed_and_follow_the_revision(tiny: EditableModel) -> None:
    first, again = (extract(tiny, TEXTS, QUESTIONS, "a", ORIGINAL, samples=2, seed=1) for _ in range(2))
    assert first == again
    edited = extract(tiny, TEXTS, QUESTIONS, "a", ORIGINAL.plus(random_delta(tiny, (1, 2))), samples=2, seed=1)
    assert edited.greedy != first.greedy


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (" Paris, the city of light", "Paris"),
        (" Los Angeles. It is", "Los Angeles"),
        (" Tim Cook and the company", "Tim Cook"),
        (" Lyon which is", "Lyon"),
        (" Rome", "Rome"),
        ("\n\nParis", "Paris"),
    ],
)
def test_the_believed_answer_ends_at_the_first_mark_or_conjunction(
    tiny: EditableModel, monkeypatch: pytest.MonkeyPatch, said: str, answer: str
) -> None:
    (generation,) = generate(tiny, [encode(tiny, TEXTS[0])], max_new_tokens=1)
    monkeypatch.setattr("emendo.evaluate.extraction.generate", lambda *_, **__: [replace(generation, text=said)])
    assert believed_answer(tiny, TEXTS[0], ORIGINAL) == answer
