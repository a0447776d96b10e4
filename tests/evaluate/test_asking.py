"""What is asked about an edit and about its subject, by rule."""

from __future__ import annotations

import pytest

from emendo.evaluate.asking import as_sentence, asked_of_edit
from emendo.evaluate.cases import Asked
from emendo.evaluate.same_subject import KINDS, TOPICS, asked_of_subject
from emendo.facts import EditRequest, Fact


def asked(prompt: str, subject: str = "Sava", new: str = "Rome") -> dict[str, list[Asked]]:
    found: dict[str, list[Asked]] = {}
    for one in asked_of_edit(EditRequest(fact=Fact(subject=subject, prompt=prompt), target_new=new), "Paris"):
        found.setdefault(one.kind, []).append(one)
    return found


def test_a_capital_is_asked_for_truth_denial_and_inverse() -> None:
    found = asked("The capital of {} is", "California", "Sacramento")
    (new,), (old,) = found["truth_new"], found["truth_old"]
    assert (new.text, new.accepted) == ("Is it true that the capital of California is Sacramento?", ("Yes",))
    assert (old.text, old.accepted) == ("Is it true that the capital of California is Paris?", ("No",))
    assert new.choices == old.choices == ("Yes", "No")
    assert [one.text for one in found["denial"]] == ["The capital of California is not"]
    assert [(one.text, one.is_chat) for one in found["inverse"]] == [
        ("Sacramento is the capital of", False),
        ("What is Sacramento the capital of?", True),
    ]
    assert all(one.accepted == ("California",) for one in found["inverse"])


@pytest.mark.parametrize(
    ("prompt", "sentence"),
    [
        ("{}, created by", "{} is created by"),
        ("{}, who is employed by", "{} is employed by"),
        ("{}, that originated in", "{} originated in"),
        ("{} plays the", "{} plays the"),
        ("What is the mother tongue of {}?", "The mother tongue of {} is"),
        ("What is the twin city of {}? It is", None),
        ("When did {} end?", None),
    ],
)
def test_a_prompt_is_put_as_a_sentence_where_a_rule_fits(prompt: str, sentence: str | None) -> None:
    said = as_sentence(Fact(subject="Sava", prompt=prompt))
    assert (None if said is None else said.prompt) == sentence
    assert bool(asked(prompt)) == (sentence is not None)


@pytest.mark.parametrize(
    ("prompt", "denied"),
    [
        ("{}, created by", "Sava is not created by"),
        ("{} was born in", "Sava was not born in"),
        ("The land where {} is found is", "The land where Sava is found is not"),
    ],
)
def test_what_has_a_form_of_to_be_can_be_denied(prompt: str, denied: str) -> None:
    assert [one.text for one in asked(prompt)["denial"]] == [denied]


def test_what_has_none_is_not_denied() -> None:
    assert "denial" not in asked("{} plays the")


@pytest.mark.parametrize("kind", TOPICS)
def test_every_kind_of_thing_has_enough_to_ask_whatever_is_edited(kind: str) -> None:
    topics = TOPICS[kind]
    assert len({topic.question for topic in topics}) == len({topic.prompt for topic in topics}) == len(topics)
    for topic in topics:
        assert topic.question.count("{}") == topic.prompt.count("{}") == 1
        assert topic.question.endswith("?")
        assert not topic.prompt.endswith("?")
    edited = {relation for relation, other in KINDS.items() if other == kind}
    for relation in edited | {"P0"}:
        (first, told, second, _) = asked_of_subject("Sava", kind=kind, apart_from=(relation,), seed="1")
        assert [first.is_chat, told.is_chat] == [True, False]
        assert first.text != second.text
        assert all("Sava" in one.text and one.accepted == () for one in (first, told, second))


def test_the_edited_relation_is_not_asked_and_the_draw_is_seeded() -> None:
    draws = [asked_of_subject("Sava", kind="person", apart_from=("P19",), seed=str(seed)) for seed in range(30)]
    assert not any("born in the city" in one.text for draw in draws for one in draw)
    assert draws[0] == asked_of_subject("Sava", kind="person", apart_from=("P19",), seed="0")
    assert len(set(draws)) > 5
