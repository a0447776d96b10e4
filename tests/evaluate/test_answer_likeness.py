"""Whether an answer stayed what it was, worked out by hand."""

from __future__ import annotations

import pytest

from emendo.evaluate.answer_likeness import content_f1, is_kept, is_leaked, is_same
from emendo.evaluate.observation import AskedAnswer

QUESTION = "What is the largest city in California?"


def answer(text: str, *, names_new: bool = False) -> AskedAnswer:
    return AskedAnswer(
        kind="same_subject",
        question=QUESTION,
        is_chat=True,
        text=text,
        is_success=None,
        names_new=names_new,
        is_stopped=True,
        tokens=5,
    )


@pytest.mark.parametrize(
    ("one", "other", "f1"),
    [
        # The words of the question and "the", "is", "in" do not count: {los, angeles} on both sides.
        ("The largest city in California is Los Angeles.", "It is Los Angeles.", 1.0),
        ("Los Angeles.", "San Diego.", 0.0),
        ("Los Angeles, a great port.", "Los Angeles.", 2 * 2 / (4 + 2)),
        ("Los Angeles. San Diego is another.", "Los Angeles.", 1.0),
        ("The largest city.", "California is it.", 1.0),
        ("The largest city.", "Los Angeles.", 0.0),
        ("Los Los", "Los", 2 * 1 / (2 + 1)),
    ],
)
def test_f1_counts_the_content_words_of_the_first_sentences(one: str, other: str, f1: float) -> None:
    assert content_f1(one, other, QUESTION) == pytest.approx(f1)
    assert content_f1(other, one, QUESTION) == pytest.approx(f1)


def test_an_answer_is_kept_if_its_words_are_and_the_new_target_has_not_come_in() -> None:
    before = answer("It is Los Angeles.")
    assert is_kept(answer("The largest city is Los Angeles."), before)
    assert not is_kept(answer("It is San Diego."), before)
    assert not is_kept(answer("Los Angeles and Sacramento.", names_new=True), before)
    assert is_leaked(answer("Los Angeles and Sacramento.", names_new=True), before)


def test_the_new_target_does_not_leak_where_it_was_said_before() -> None:
    before = answer("Los Angeles and Sacramento.", names_new=True)
    after = answer("Sacramento, Los Angeles.", names_new=True)
    assert not is_leaked(after, before)
    assert is_kept(after, before)
    assert not is_leaked(answer("Los Angeles."), before)


def test_the_same_text_but_for_case_is_kept_and_unchanged() -> None:
    before = answer("It is los angeles.")
    assert is_same(answer(" It is Los Angeles."), before)
    assert is_kept(answer("IT IS LOS ANGELES.", names_new=True), before)
    assert not is_same(answer("Los Angeles."), before)
