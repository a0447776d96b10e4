"""An answer becomes claims that point at it exactly, and nothing of it is dropped."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emendo.verify import extract_claims
from emendo.verify.claims import CODE, LANGUAGE
from emendo.verify.worth import FRAGMENT, HYPOTHESIS, INSTRUCTION, OPINION, QUESTION, TALK


def read(question: str, answer: str) -> list[tuple[str, str, str]]:
    """Of each claim that was read the first reading."""
    claims = extract_claims(question, answer)
    return [
        (first.subject, first.relation, ("not " if first.is_negated else "") + first.value)
        for claim in claims
        if claim.statements
        for first in claim.statements[:1]
    ]


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        ("What is the capital of California?", "Los Angeles.", ("California", "capital", "Los Angeles")),
        ("what is the capital of california", "Los Angeles", ("california", "capital", "Los Angeles")),
        ("What's the capital city of France?", "It's Lyon.", ("France", "capital", "Lyon")),
        ("Is Los Angeles the capital of Oregon?", "Yes.", ("Oregon", "capital", "Los Angeles")),
        ("Is Los Angeles the capital of Oregon?", "No.", ("Oregon", "capital", "not Los Angeles")),
        ("What about Oregon?", "The capital is Salem.", ("Oregon", "capital", "Salem")),
        ("Name the capital of each state.", "- Oregon: Salem", ("Oregon", "capital", "Salem")),
        ("Where is Paris?", "It is located in France.", ("Paris", "located_in", "France")),
        ("", "Yes, I think that the capital of France is Paris.", ("France", "capital", "Paris")),
        ("", "Sacramento, the capital of California, is large.", ("California", "capital", "Sacramento")),
        ("", "California's capital isn't Los Angeles.", ("California", "capital", "not Los Angeles")),
        ("", "| Country | Capital |\n|---|---|\n| Spain | **Lisbon** |", ("Spain", "Capital".lower(), "Lisbon")),
        ("", "Marie Curie was born on November 7, 1867 in Warsaw.", ("Marie Curie", "birth_date", "November 7, 1867")),
        ("", "France has 67,000,000 inhabitants.", ("France", "population", "67,000,000")),
        ("", "Gold is a chemical element with the symbol Au and atomic number 79.", ("Gold", "symbol", "Au")),
        ("Tell me about Switzerland.", "Zurich is the largest city.", ("Switzerland", "largest_city", "Zurich")),
        ("Where is Oslo?", "Although Oslo is located in Norway, it is cold.", ("Oslo", "located_in", "Norway")),
    ],
)
def test_a_sentence_is_read_as_subject_relation_and_value(
    question: str, answer: str, expected: tuple[str, str, str]
) -> None:
    assert read(question, answer)[0] == expected


def test_what_it_and_there_mean_comes_from_the_sentences_before() -> None:
    answer = "California is large. It became a state in 1850. People there speak English. Its capital is Sacramento."
    assert read("", answer) == [
        ("California", "statehood", "1850"),
        ("California", "language", "English"),
        ("California", "capital", "Sacramento"),
    ]


def test_a_pronoun_has_every_name_before_it_as_a_reading() -> None:
    claim = extract_claims("", "The capital of California is Los Angeles. It became a state in 1850.")[1]
    assert [statement.subject for statement in claim.statements] == ["California", "Los Angeles"]


def test_a_relative_clause_is_about_the_name_before_it() -> None:
    assert read("", "The capital of France is Paris, which is located in Italy.")[1] == ("Paris", "located_in", "Italy")


def test_a_second_value_after_a_clause_is_a_claim_of_its_own() -> None:
    assert read("", "Gold is a chemical element with the symbol Au and atomic number 79.")[1] == (
        "Gold",
        "atomic_number",
        "79",
    )


def test_a_number_ends_a_sentence() -> None:
    assert len(extract_claims("", "The atomic number of carbon is 6. Sodium has the symbol Na.")) == 2


def test_what_is_said_of_the_answer_is_not_taken_for_it() -> None:
    (claim,) = extract_claims("What is the capital of Australia?", "It was founded in 1913.")
    assert {statement.subject for statement in claim.statements} == {"Australia"}


def test_two_nouns_are_two_claims() -> None:
    assert read("", "Paris is the capital and largest city of France.") == [
        ("France", "capital", "Paris"),
        ("France", "largest_city", "Paris"),
    ]


def test_what_follows_a_clause_that_was_read_is_a_claim_of_its_own() -> None:
    claims = extract_claims("", "The capital of France is Paris in 1850 and it has 9 million inhabitants, known for wine.")
    assert [claim.quote for claim in claims] == [
        "The capital of France is Paris",
        "in 1850",
        "it has 9 million inhabitants",
        "known for wine.",
    ]
    assert all(claim.reason is None for claim in claims)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("Is the capital of France Paris?", QUESTION),
        ("If the capital of France were Rome, the food would be better.", HYPOTHESIS),
        ("The capital of France might be Paris.", HYPOTHESIS),
        ("Paris is a beautiful city.", OPINION),
        ("Please visit the website of the city.", INSTRUCTION),
        ("I'm happy to help you.", TALK),
        ("```\nThe capital of France is Rome.\n```", CODE),
        ("Die Hauptstadt von Frankreich ist nicht Berlin und auch nicht Rom.", LANGUAGE),
        ("日本の首都は大阪です。", LANGUAGE),
        ("Los Angeles!", FRAGMENT),
    ],
)
def test_what_says_nothing_that_can_be_checked_says_why(answer: str, reason: str) -> None:
    (claim,) = extract_claims("", answer)
    assert claim.reason == reason
    assert not claim.statements


@pytest.mark.parametrize(
    "answer",
    [
        "The bridge was opened in May 1937.",
        "The submarine was used during World War I.",
        "The paper 'Imagine the Best' received an award.",
        '"Attention Is All You Need" was published in 2017.',
        "Marcus Morton left the party.",
        "Mey Eden offers sparkling water products.",
    ],
)
def test_a_statement_is_a_claim_whatever_words_it_quotes(answer: str) -> None:
    (claim,) = extract_claims("", answer)
    assert claim.reason is None


def test_a_reported_error_is_not_read_as_said() -> None:
    assert read("", "It is a common misconception that the capital of Australia is Sydney.") == []


@pytest.mark.parametrize(
    ("answer", "quote", "value"),
    [
        ("🎉🎉 The capital of Côte d’Ivoire is **Abidjan**!", "The capital of Côte d’Ivoire is **Abidjan", "Abidjan"),
        ("東京 — The capital of Japan is Ōsaka.", "The capital of Japan is Ōsaka", "Ōsaka"),
        ("- The capital of *France* is `Lyon`.\n", "The capital of *France* is `Lyon", "Lyon"),
        ("A\u0301h. The capital of France is Lyon.\r\nIts capital is Nice.", "The capital of France is Lyon", "Lyon"),
    ],
)
def test_spans_are_exact_among_marks_and_characters_of_many_bytes(answer: str, quote: str, value: str) -> None:
    claim = next(claim for claim in extract_claims("", answer) if claim.statements)
    assert claim.quote.endswith(quote)
    assert answer[slice(*claim.span)] == claim.quote
    span = claim.values[0]
    assert span is not None
    assert answer[slice(*span)] == value


@given(st.text(max_size=200), st.text(max_size=40))
def test_any_text_becomes_claims_in_order_that_quote_it(answer: str, question: str) -> None:
    claims = extract_claims(question, answer)
    assert all(answer[slice(*claim.span)] == claim.quote for claim in claims)
    assert [claim.span[0] for claim in claims] == sorted(claim.span[0] for claim in claims)
    assert claims == extract_claims(question, answer)


_PARTS = st.sampled_from(
    [
        "The capital of France is Paris",
        "It",
        " is ",
        ", which ",
        "and ",
        "Paris",
        ". ",
        "\n",
        "- ",
        "|",
        "**",
        "(",
        ")",
        "1850",
        "?",
    ]
)


@given(st.lists(_PARTS, max_size=14).map("".join))
def test_pieces_of_sentences_in_any_order_lose_no_word(answer: str) -> None:
    claims = extract_claims("What is the capital of France?", answer)
    covered = {at for claim in claims for at in range(*claim.span)}
    lost = "".join(letter for at, letter in enumerate(answer) if at not in covered)
    assert "capital" not in lost or "|" in answer
