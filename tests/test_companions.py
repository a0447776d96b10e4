"""Companions of a request: what the rules give, and that they give nothing where they do not fit."""

from __future__ import annotations

import pytest

from emendo.companions import inverse, paraphrases
from emendo.facts import EditRequest, Fact


def request_of(marked: str, target: str = "X") -> EditRequest:
    return EditRequest(fact=Fact.parse(marked), target_new=target, id="r", source="an atlas")


def in_other_words(marked: str) -> list[str]:
    return [other.fact.marked for other in paraphrases(request_of(marked))]


@pytest.mark.parametrize(
    ("marked", "target", "back", "target_back"),
    [
        ("The capital of {California} is", "Sacramento", "{Sacramento} is the capital of", "California"),
        ("{California}'s capital is", "Sacramento", "{Sacramento} is the capital of", "California"),
        ("{Sacramento} is the capital of", "California", "The capital of {California} is", "Sacramento"),
        ("What is the capital of {California}?", "Sacramento", "{Sacramento} is the capital of", "California"),
        ("Who is the CEO of {Apple}?", "Tim Cook", "{Tim Cook} is the CEO of", "Apple"),
        ("The author of {Emma} was", "Jane Austen", "{Jane Austen} was the author of", "Emma"),
        ("The capital of the {Netherlands} is", "Amsterdam", "{Amsterdam} is the capital of the", "Netherlands"),
        ("{Ann} was the wife of", "James", "The wife of {James} was", "Ann"),
    ],
)
def test_the_inverse_asks_the_other_way_round(marked: str, target: str, back: str, target_back: str) -> None:
    found = inverse(request_of(marked, target))
    assert found is not None
    assert (found.fact.marked, found.target_new) == (back, target_back)
    assert (found.id, found.source) == ("r-inverse", "an atlas")


@pytest.mark.parametrize(
    ("marked", "target"),
    [("The capital of {California} is", "Sacramento"), ("{Sacramento} is the capital of", "California")],
)
def test_the_inverse_of_the_inverse_is_the_fact(marked: str, target: str) -> None:
    back = inverse(request_of(marked, target))
    assert back is not None
    again = inverse(back)
    assert again is not None
    assert (again.fact.marked, again.target_new) == (marked, target)


@pytest.mark.parametrize(
    "marked",
    [
        "The mother tongue of {Danielle Darrieux} is",
        "The currency of {France} is",
        "{Emma}'s date of birth is",
        "{Danielle Darrieux} was born in",
        "Apple's {iPhone} runs on",
        "The headquarters of {Apple} are in",
        "When was {Tara} born?",
        "How high is {Mont Blanc}?",
        "What is the twin city of {Kiev}? It is",
    ],
)
def test_where_many_subjects_share_a_target_or_no_rule_fits_there_is_no_inverse(marked: str) -> None:
    assert inverse(request_of(marked)) is None


def test_the_same_fact_is_put_in_other_words() -> None:
    assert in_other_words("The capital of {California} is") == [
        "{California}'s capital is",
        "It is well known that the capital of {California} is",
        "What is the capital of {California}?",
        "As everyone knows, the capital of {California} is",
    ]
    assert "The capital of {California} is" in in_other_words("{California}'s capital is")
    assert "Who was the author of {Emma}?" in in_other_words("The author of {Emma} was")


def test_a_question_is_put_as_a_statement_and_where_that_fails_as_a_question_still() -> None:
    assert in_other_words("Who is the CEO of {Apple}?")[:2] == ["The CEO of {Apple} is", "{Apple}'s CEO is"]
    assert in_other_words("When was {Tara} born?") == [
        "Question: When was {Tara} born? Answer:",
        "Please answer this question. When was {Tara} born?",
    ]
    assert (
        in_other_words("What is the twin city of {Kiev}? It is")[0]
        == "Question: What is the twin city of {Kiev}? Answer: It is"
    )


@pytest.mark.parametrize(
    ("marked", "wrong"),
    [
        ("The nearest station for {Tara} was called", "{Tara}'s nearest station was"),
        ("The capital of the {Netherlands} is", "{Netherlands}'s capital is"),
        ("The king of {the Netherlands} is", "{the Netherlands}'s king is"),
        ("The city named by {Penn} is", "{Penn}'s city named is"),
    ],
)
def test_nobody_says_a_possessive_there(marked: str, wrong: str) -> None:
    assert wrong not in in_other_words(marked)


@pytest.mark.parametrize(
    "marked",
    [
        "The capital of {California} is",
        "{Tara} was born in",
        "When was {Tara} born?",
        "In {Rome} one speaks",
        "{Emma}'s author is",
    ],
)
def test_companions_are_few_differ_and_teach_the_same(marked: str) -> None:
    request = request_of(marked, "Paris")
    others = paraphrases(request)
    assert 2 <= len(others) <= 4
    assert len({other.fact.prompt for other in others} | {request.fact.prompt}) == len(others) + 1
    assert len({other.id for other in others} | {request.id}) == len(others) + 1
    assert all((o.target_new, o.fact.subject, o.source) == ("Paris", request.fact.subject, "an atlas") for o in others)


def test_a_name_keeps_its_capital_within_a_sentence() -> None:
    assert in_other_words("{Danielle Darrieux} was born in")[0] == "It is well known that {Danielle Darrieux} was born in"
    assert in_other_words("In {Rome} one speaks")[0] == "It is well known that in {Rome} one speaks"
