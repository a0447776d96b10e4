"""Facts that a model has wrong become cases that set them right."""

from __future__ import annotations

from dataclasses import replace

import pytest

from emendo.errors import InvalidRequest
from emendo.evaluate import CaseSet, corrections, load_cases
from emendo.evaluate.corrections import _mistake
from emendo.evaluate.observation import answer_questions, names_first
from emendo.models import ORIGINAL, EditableModel


def test_a_model_that_knows_nothing_is_set_right_everywhere(tiny: EditableModel, case_set: CaseSet) -> None:
    wrong = corrections(tiny, case_set)
    assert [case.id for case in wrong.cases] == [case.id for case in case_set.cases]
    for before, after in zip(case_set.cases, wrong.cases, strict=True):
        assert after.request.target_new == before.request.fact.target_true
        assert after.rival != after.request.target_new
        assert after.request.id != before.request.id
        assert after.neighbours == before.neighbours


def test_asking_stops_when_enough_are_wrong_and_repeats_with_the_seed(tiny: EditableModel, case_set: CaseSet) -> None:
    some = corrections(tiny, case_set, n=2)
    assert [case.id for case in some.cases] == [case.id for case in corrections(tiny, case_set, n=2).cases]
    whole = [case.id for case in case_set.cases]
    assert len(some.cases) == 2
    assert sorted((case.id for case in some.cases), key=whole.index) == [case.id for case in some.cases]
    drawn = {tuple(case.id for case in corrections(tiny, replace(case_set, seed=seed), n=2).cases) for seed in range(5)}
    assert len(drawn) > 1


def test_neighbours_with_the_same_truth_are_left_out(tiny: EditableModel, case_set: CaseSet) -> None:
    case = case_set.cases[0]
    shared = tuple(replace(neighbour, target_true=case.rival) for neighbour in case.neighbours[:2])
    mixed = replace(case, neighbours=(*shared, *case.neighbours[2:]))
    (corrected,) = corrections(tiny, replace(case_set, cases=(mixed,))).cases
    assert corrected.neighbours == case.neighbours[2:]


def test_facts_whose_truth_nobody_says_are_left_out(tiny: EditableModel, case_set: CaseSet) -> None:
    case = case_set.cases[0]
    request = replace(case.request, fact=replace(case.request.fact, target_true=None))
    with pytest.raises(InvalidRequest, match="nothing to correct"):
        corrections(tiny, replace(case_set, cases=(replace(case, request=request),)))


@pytest.mark.parametrize(
    ("answer", "mistake"),
    [
        ("The capital of California is Los Angeles.", "Los Angeles"),
        ("the capital of california is the city of San Francisco, which is large", "San Francisco"),
        ("The capital of California is Los Angeles and it is large.", "Los Angeles"),
        ("The capital of California is **Los Angeles**.", None),
        ("California has Los Angeles.", None),
        ("The capital of California is", None),
    ],
)
def test_a_mistake_is_what_follows_the_words_of_the_fact(answer: str, mistake: str | None) -> None:
    assert _mistake(answer, "The capital of California is") == mistake


@pytest.mark.real
def test_only_what_the_embedded_model_has_wrong_is_corrected(real: EditableModel) -> None:
    wanted = ("capital-california", "capital-france", "capital-japan", "capital-nevada")
    cases = load_cases("capitals")
    some = replace(cases, cases=tuple(case for case in cases.cases if case.id in wanted))
    corrected = {case.id: case for case in corrections(real, some).cases}
    assert "capital-california" in corrected
    assert "capital-france" not in corrected
    for case in corrected.values():
        (said,) = answer_questions(real, [case.request.fact.question()], ORIGINAL)
        assert not names_first(said, case.request.target_new, case.rival, subject=case.request.fact.subject)
        assert case.rival != case.request.target_new
