"""Fluency and consistency, worked out by hand."""

from __future__ import annotations

import math

import pytest

from emendo.evaluate.fluency import consistency, fluency, n_gram_entropy
from emendo.evaluate.observation import AskedAnswer
from emendo.evaluate.word_weights import WordWeights, likeness


def answer(question: str, text: str) -> AskedAnswer:
    return AskedAnswer(
        kind="essence",
        question=question,
        is_chat=True,
        text=text,
        is_success=None,
        names_new=False,
        is_stopped=False,
        tokens=3,
    )


def test_entropy_weighs_two_grams_by_two_thirds_and_three_grams_by_four() -> None:
    # "a b c d": 3 different 2-grams, 2 different 3-grams.
    assert n_gram_entropy("a b c d") == pytest.approx((2 / 3 * math.log2(3) + 4 / 3 * 1) / 2)
    # "a b a b a": ab and ba twice each; aba twice, bab once.
    three = -(2 / 3 * math.log2(2 / 3) + 1 / 3 * math.log2(1 / 3))
    assert n_gram_entropy("a b a b a") == pytest.approx((2 / 3 * 1 + 4 / 3 * three) / 2)


def test_marks_are_words_and_repetition_has_no_entropy() -> None:
    assert n_gram_entropy("a, b") == pytest.approx((2 / 3 * 1 + 0) / 2)
    assert n_gram_entropy("a a a a a a") == 0
    assert n_gram_entropy("a") == n_gram_entropy("") == 0


def test_fluency_is_the_mean_over_prompts_with_what_follows_them() -> None:
    assert fluency([answer("a b", "c d"), answer("a a", "a a a a")]) == pytest.approx(n_gram_entropy("a b c d") / 2)
    assert fluency([]) is None


def test_likeness_is_the_cosine_of_weighed_counts() -> None:
    weights = WordWeights(["x y", "x z"])
    common, rare, unseen = math.log(3 / 3) + 1, math.log(3 / 2) + 1, math.log(3) + 1
    first, second = weights.vector("x y y"), weights.vector("X w")
    expected = common**2 / (math.hypot(common, 2 * rare) * math.hypot(common, unseen))
    assert likeness(first, second) == pytest.approx(expected)
    assert likeness(first, first) == pytest.approx(1)
    assert likeness(first, weights.vector("")) == 0


def test_consistency_likens_all_that_was_said_to_all_references_at_once() -> None:
    weights = WordWeights(["x y", "x z"])
    said, references = [answer("x", "y"), answer("x", "w")], ("x y", "x z")
    expected = likeness(weights.vector("x y x w"), weights.vector("x y x z"))
    assert 0 < expected < 1
    assert consistency(said, references, weights) == pytest.approx(expected)
    assert consistency(said, (), weights) is None
    assert consistency([], references, weights) is None
