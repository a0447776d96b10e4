"""Facts that a model has wrong become cases that set them right."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from emendo.errors import InvalidRequest
from emendo.evaluate import CaseSet, corrections, load_cases
from emendo.evaluate.corrections import _mistake
from emendo.evaluate.naming import names_first
from emendo.evaluate.observation import answer_questions
from emendo.models import ORIGINAL, EditableModel


def test_a_model_that_knows_nothing_is_set_right_everywhere(tiny: EditableModel, case_set: CaseSet) -> None:
    wrong = corrections(tiny, case_set)
    assert [case.id for case in wrong.cases] == [case.id for case in case_set.cases]
    for before, after in zip(case_set.cases, wrong.cases, strict=True):
        assert after.request.target_new == before.request.fact.target_true
        assert after.rival != after.request.target_new
        assert after.request.id != before.request.id
        assert after.neighbours == before.neighbours
        assert after.references == after.with_requests == ()
        (new,) = [asked.text for asked in after.asked if asked.kind == "truth_new"]
        (old,) = [asked.text for asked in after.asked if asked.kind == "truth_old"]
        assert (f" {after.request.target_new}?" in new, f" {after.rival}?" in old) == (True, True)
        kinds = [asked.kind for asked in after.asked]
        assert kinds[-2:] == ["same_subject", "essence"]
        assert kinds.count("inverse") == 2
        assert not any(before.request.target_new in asked.text for asked in after.asked if asked.kind == "inverse")


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


def test_true_facts_of_a_relation_can_be_set_right(tiny: EditableModel, relation_folder: Path) -> None:
    cases = load_cases("relations", data=str(relation_folder))
    corrected = corrections(tiny, cases)
    assert [case.id for case in corrected.cases] == [case.id for case in cases.cases]
    for before, after in zip(cases.cases, corrected.cases, strict=True):
        assert after.request.target_new == before.request.fact.target_true
        assert [a for a in after.asked if a.kind == "same_subject"] == [a for a in before.asked if a.kind == "same_subject"]


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
