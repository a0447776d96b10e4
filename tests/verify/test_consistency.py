"""Saying the same again is shown beside evidence, and tells an edit from a slip and from what the model believed before."""

from __future__ import annotations

import pytest

from emendo.verify import Judge, Source, Verdict, verify_answer
from emendo.verify.consistency import consistency

QUESTION = "What is the capital of California?"
WRONG = ["Los Angeles.", "The capital of California is Los Angeles.", "It's Los Angeles, of course."]
RIGHT = ["Sacramento.", "California's capital is Sacramento.", "I like trains."]


def verdict_on(answer: str, facts: Source, judges: list[Judge]) -> Verdict:
    """The verdict on the first claim of an answer."""
    return verify_answer(QUESTION, answer, sources=[facts], judges=judges).verdicts[0]


@pytest.mark.parametrize(
    ("answer", "edited", "original", "shares", "sign"),
    [
        ("Los Angeles.", WRONG, RIGHT, (1.0, 0.0), "edit_signature"),
        ("Los Angeles.", WRONG, WRONG, (1.0, 1.0), "native_belief"),
        ("Los Angeles.", [WRONG[0], *RIGHT[:2]], RIGHT, (1 / 3, 0.0), "slip"),
        ("The capital of California is Sacramento.", RIGHT, WRONG, (2 / 3, 0.0), None),
    ],
)
def test_what_is_refuted_and_said_again_is_told_apart(
    answer: str,
    edited: list[str],
    original: list[str],
    shares: tuple[float, float],
    sign: str | None,
    facts: Source,
    judges: list[Judge],
) -> None:
    found = consistency(verdict_on(answer, facts, judges), QUESTION, edited, original)
    assert found is not None
    assert (found.edited, found.original) == pytest.approx(shares)
    assert (found.sign, found.samples) == (sign, 3)


def test_the_contrary_is_not_the_same(facts: Source, judges: list[Judge]) -> None:
    said = ["The capital of California is not Los Angeles.", "The capital of Nevada is Los Angeles."]
    found = consistency(verdict_on("The capital of California is Los Angeles.", facts, judges), QUESTION, said, said)
    assert found is not None
    assert found.edited == 0


def test_nothing_is_said_of_what_no_wording_fits_or_nobody_drew(facts: Source, judges: list[Judge]) -> None:
    unread = verdict_on("Trains in California hum gently towards evening.", facts, judges)
    assert consistency(unread, QUESTION, WRONG, WRONG) is None
    assert consistency(verdict_on("Los Angeles.", facts, judges), QUESTION, [], []) is None
