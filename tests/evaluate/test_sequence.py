"""Edits one after another: what is measured when, and on what."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from emendo.edit.keys_values import KeysValue, find_values
from emendo.errors import InvalidRequest
from emendo.evaluate import CaseSet
from emendo.evaluate.sequence import edit_in_sequence
from emendo.evaluate.sequence_document import as_curve, basis_of, known_points
from emendo.evaluate.sequence_figure import read_curves
from emendo.evaluate.sequence_page import sequence_page
from emendo.models import EditableModel

TEXT = "The capital of France is Paris and the capital of Texas is Austin. " * 120
ROME = {"layers": (2,), "steps": 3, "formats": ("completion",), "clamp": 0.3}


def _run(tiny: EditableModel, cases: CaseSet, home: Path, **settings):
    given = {"method": "rome", "config": ROME, "text": TEXT, "windows": 2, "points": (1, 2, 100), **settings}
    return list(edit_in_sequence(tiny, cases, home=home, **given))


def test_points_come_after_so_many_edits_and_the_last_after_all(
    tiny: EditableModel, case_set: CaseSet, tmp_path: Path
) -> None:
    found = _run(tiny, case_set.core(), tmp_path, measured=3)
    assert [point.edits for point in found] == [1, 2, 5]
    assert [point.figures[1].n for point in found] == [1, 2, 3]
    norms = [point.relative_norm for point in found]
    assert norms == sorted(norms)
    document = {
        "benchmark": "places",
        "command": "emendo sequence",
        "date": "2026-01-01T00:00:00+00:00",
        "model": "tiny",
        "model_digest": tiny.digest,
        "seed": 0,
        "methods": [as_curve("rome", ROME, 1, "0", found)],
    }
    (curve,) = read_curves(json.loads(json.dumps(document)))
    assert [point.edits for point in curve.points] == [1, 2, 5]
    assert "rome" in sequence_page(document)


def test_refused_edits_are_counted_and_the_reason_is_told(
    tiny: EditableModel, case_set: CaseSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emendo.edit.guard.MOST_RELATIVE_NORM", 1e-9)
    found = _run(tiny, case_set.core(), tmp_path)
    assert [point.refused for point in found] == [1, 2, 5]
    assert all("times as large as the matrix" in point.refusal for point in found)
    assert {point.relative_norm for point in found} == {0.0}


def test_a_sequence_is_the_same_again_and_searches_nothing_twice(
    tiny: EditableModel, case_set: CaseSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _run(tiny, case_set.core(), tmp_path)
    monkeypatch.setattr("emendo.edit.kept_values.find_values", None)
    again = _run(tiny, case_set.core(), tmp_path)
    assert [replace(point, seconds_an_edit=0.0) for point in again] == [
        replace(point, seconds_an_edit=0.0) for point in first
    ]


def test_an_edit_takes_as_long_when_its_search_was_kept(
    tiny: EditableModel, case_set: CaseSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*given: Any, **named: Any) -> list[KeysValue]:
        time.sleep(0.5)
        return find_values(*given, **named)

    monkeypatch.setattr("emendo.edit.kept_values.find_values", slow)
    _run(tiny, case_set.core(), tmp_path)
    monkeypatch.setattr("emendo.edit.kept_values.find_values", None)
    assert all(point.seconds_an_edit > 0.5 for point in _run(tiny, case_set.core(), tmp_path))


def test_a_batch_is_solved_together(tiny: EditableModel, case_set: CaseSet, tmp_path: Path) -> None:
    together = _run(tiny, case_set.core(), tmp_path, batch=5)
    apart = _run(tiny, case_set.core(), tmp_path)
    assert together[-1].edits == apart[-1].edits == 5
    assert together[-1].relative_norm != apart[-1].relative_norm
    # No batch is cut for a point: that after one edit comes when the two of its batch are made.
    assert [point.edits for point in _run(tiny, case_set.core(), tmp_path, batch=2)] == [2, 5]
    with pytest.raises(InvalidRequest, match="at least 1"):
        _run(tiny, case_set, tmp_path, batch=0)


def test_points_before_the_first_edit_are_no_points(tiny: EditableModel, case_set: CaseSet, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="After 0 edits there is nothing to measure"):
        _run(tiny, case_set.core(), tmp_path, points=(0, 2))


def test_a_model_that_collapsed_is_edited_no_more(
    tiny: EditableModel, case_set: CaseSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emendo.evaluate.sequence.COLLAPSED", 0.0)
    (only,) = _run(tiny, case_set.core(), tmp_path)
    assert (only.edits, only.collapsed) == (1, True)


def test_points_that_are_known_are_not_measured_again_and_edits_are_made_as_far_as_others_need_them(
    tiny: EditableModel, case_set: CaseSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = case_set.core()
    first = _run(tiny, cases, tmp_path)
    assert _run(tiny, cases, tmp_path, known=first[1:])[1:] == first[1:]
    assert [point.edits for point in _run(tiny, cases, tmp_path, known=first, points=(1, 3))] == [1, 3, 5]
    monkeypatch.setattr("emendo.evaluate.sequence.Editor", None)
    assert _run(tiny, cases, tmp_path, known=first) == first
    # Nothing comes after a collapse.
    gone = replace(first[1], collapsed=True)
    assert _run(tiny, cases, tmp_path, known=[first[0], gone]) == [first[0], gone]


def test_points_are_taken_from_a_document_if_they_rest_on_the_same(
    tiny: EditableModel, case_set: CaseSet, tmp_path: Path
) -> None:
    def rests_on(**settings: Any) -> str:
        given = {"method": "rome", "config": ROME, "text": TEXT, "home": tmp_path, **settings}
        return basis_of(tiny, given.pop("cases", case_set), **given)

    found = _run(tiny, case_set.core(), tmp_path)
    document = json.loads(json.dumps({"methods": [as_curve("rome", ROME, 1, rests_on(), found)]}))
    assert list(known_points(document, rests_on())) == found
    for other in (
        {"config": {**ROME, "steps": 4}},
        {"method": "memit"},
        {"text": TEXT + "."},
        {"batch": 2},
        {"measured": 3},
        {"seed": 1},
        {"corpus": "sampled"},
        {"cases": case_set.draw(2)},
    ):
        assert known_points(document, rests_on(**other)) == ()
    for document in ({}, {"methods": None}, {"methods": [{"basis": rests_on()}]}, {"methods": ["other"]}):
        assert known_points(document, rests_on()) == ()
