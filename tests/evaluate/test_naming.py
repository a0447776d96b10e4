"""What an answer names, and where its first sentence ends."""

from __future__ import annotations

import pytest

from emendo.evaluate.naming import first_sentence, names_any, names_first


@pytest.mark.parametrize(
    ("text", "wanted", "other", "subject", "expected"),
    [
        ("The capital of California is Sacramento.", "Sacramento", "Los Angeles", "California", True),
        ("It is SACRAMENTO", "Sacramento", "Los Angeles", "", True),
        ("Not Los Angeles but Sacramento.", "Sacramento", "Los Angeles", "", False),
        ("Sacramento, not Los Angeles.", "Sacramento", "Los Angeles", "", True),
        ("Los Angeles", "Sacramento", "Los Angeles", "", False),
        ("Sacramentos", "Sacramento", "Los Angeles", "", False),
        ("I do not know.", "Sacramento", "Los Angeles", "", False),
        ("Bogotá", "Bogota", "Lima", "", True),
        ("Bogota", "Bogotá", "Lima", "", True),
        ("The Porsche 911 was made by Honda.", "Honda", "Porsche", "Porsche 911", True),
        ("The Porsche 911 was made by Porsche, then Honda.", "Honda", "Porsche", "Porsche 911", False),
        ("New York", "New York", "York", "", True),
        ("New York", "York", "New York", "", False),
        ("Jefferson City", "Jefferson", "Jefferson City", "", False),
        ("Jefferson City", "Jefferson City", "Jefferson", "", True),
        ("It is C++ (mostly).", "C++", "C", "", True),
    ],
)
def test_an_answer_succeeds_if_it_names_the_target_and_not_the_rival_before(
    text: str, wanted: str, other: str, subject: str, expected: bool
) -> None:
    assert names_first(text, wanted, other, subject=subject) is expected


@pytest.mark.parametrize(
    ("text", "names", "expected"),
    [
        ("They speak Italian there.", ("Italian", "it"), True),
        ("It is spoken there.", ("Italian", "IT"), False),
        ("Give it to us.", ("United States", "US"), False),
        ("That is the US.", ("United States", "US"), True),
        ("the united states", ("United States", "US"), True),
        ("Bogota", ("Lima", "Bogotá"), True),
        ("Bogotas", ("Lima", "Bogotá"), False),
        ("Anything", (), False),
    ],
)
def test_one_of_several_names_is_enough_and_short_ones_need_their_case(
    text: str, names: tuple[str, ...], expected: bool
) -> None:
    assert names_any(text, names) is expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (" Paris, of course. It lies on the Seine.", "Paris, of course"),
        ("St. Louis is in Missouri. It is large.", "St. Louis is in Missouri"),
        ("It was J. R. Smith! And", "It was J. R. Smith"),
        ("\n\nParis\nLondon", "Paris"),
        ('He said "yes." Then', 'He said "yes'),
        ("about 3.5 million people", "about 3.5 million people"),
        ("", ""),
    ],
)
def test_the_first_sentence_ends_at_a_mark_or_a_line_and_not_at_an_abbreviation(text: str, sentence: str) -> None:
    assert first_sentence(text) == sentence
