"""The run: every case by itself, kept when interrupted, the same when repeated."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from emendo.edit import METHODS
from emendo.errors import EditRefused, InvalidRequest
from emendo.evaluate import CaseSet, Report, evaluate
from emendo.models import EditableModel


class Killed(Exception):
    """The run was ended from outside."""


def timeless(report: Report) -> dict[str, object]:
    return replace(report, seconds_editing=0.0, seconds_scoring=0.0).to_dict()


def test_a_run_repeats_exactly(tiny: EditableModel, case_set: CaseSet, handmade_editor) -> None:
    first, second = (evaluate(tiny, case_set, compute=handmade_editor(tiny), group=2) for _ in range(2))
    assert timeless(first) == timeless(second)


def test_a_run_that_was_killed_ends_with_the_report_of_one_that_was_not(
    tiny: EditableModel, case_set: CaseSet, handmade_editor, tmp_path: Path
) -> None:
    whole = evaluate(tiny, case_set, compute=handmade_editor(tiny), group=2)
    work, calls = tmp_path / "work.jsonl", []

    def dies_in_the_second_group(requests):
        calls.append([request.id for request in requests])
        if len(calls) == 2:
            raise Killed
        return handmade_editor(tiny)(requests)

    with pytest.raises(Killed):
        evaluate(tiny, case_set, compute=dies_in_the_second_group, group=2, work=work)
    with work.open("a") as file:
        file.write('{"run": "cut off in the mid')
    resumed = evaluate(tiny, case_set, compute=dies_in_the_second_group, group=2, work=work)
    assert timeless(resumed) == timeless(whole)
    assert calls == [["France", "California"], ["Texas", "Germany"], ["Texas", "Germany"], ["Nevada"]]


def test_a_finished_run_is_not_computed_again(
    tiny: EditableModel, case_set: CaseSet, handmade_editor, tmp_path: Path
) -> None:
    work = tmp_path / "folder" / "work.jsonl"
    first = evaluate(tiny, case_set, compute=handmade_editor(tiny), work=work)
    assert evaluate(tiny, case_set, compute=_unwanted, work=work) == first


@pytest.mark.parametrize("change", ["seed", "config", "cases", "corpus"])
def test_a_run_with_other_settings_does_not_use_what_is_kept(
    tiny: EditableModel, case_set: CaseSet, handmade_editor, tmp_path: Path, change: str
) -> None:
    work = tmp_path / "work.jsonl"
    evaluate(tiny, case_set, compute=handmade_editor(tiny), work=work)
    other = {
        "seed": {"seed": 1},
        "config": {"config": METHODS.get("two_layer").Config(layers=(2,))},
        "corpus": {"corpus": "sampled"},
        "cases": {},
    }[change]
    cases = replace(case_set, cases=case_set.cases[:3]) if change == "cases" else case_set
    with pytest.raises(Killed):
        evaluate(tiny, cases, compute=_unwanted, work=work, **other)


def test_edits_change_the_edited_figures_only(tiny: EditableModel, case_set: CaseSet, handmade_editor) -> None:
    refusing = evaluate(tiny, case_set, compute=lambda requests: [EditRefused("no")] * len(requests))
    edited = evaluate(tiny, case_set, compute=handmade_editor(tiny))
    assert edited.unedited == refusing.unedited
    assert edited.edited != refusing.edited


def test_refused_cases_are_counted_and_measured_unedited(
    tiny: EditableModel, case_set: CaseSet, handmade_editor, tmp_path: Path
) -> None:
    def refuses_texas(requests):
        edits = handmade_editor(tiny)(requests)
        return [EditRefused("Too large.") if r.id == "Texas" else e for r, e in zip(requests, edits, strict=True)]

    work = tmp_path / "work.jsonl"
    report = evaluate(tiny, case_set, editor=refuses_texas, work=work)
    assert (report.refused, report.n) == (1, 5)
    lines = {line["id"]: line for line in map(json.loads, work.read_text().splitlines())}
    assert lines["Texas"]["refused"] == "Too large."
    assert lines["Texas"]["edited"] == lines["Texas"]["unedited"]
    assert lines["France"]["edited"] != lines["France"]["unedited"]
    assert report.edit_medians == {"relative_norm": 6.5}


def test_cases_do_not_touch_each_other(tiny: EditableModel, case_set: CaseSet, handmade_editor, tmp_path: Path) -> None:
    def kept(cases: Sequence, group: int) -> dict[str, dict]:
        work = tmp_path / f"{group}.jsonl"
        evaluate(tiny, replace(case_set, cases=tuple(cases)), compute=handmade_editor(tiny), group=group, work=work)
        return {line["id"]: line for line in map(json.loads, work.read_text().splitlines())}

    together, alone = kept(case_set.cases, 5), kept(case_set.cases, 1)
    for name in together:
        for side in ("unedited", "edited"):
            a, b = together[name][side]["rewrite"], alone[name][side]["rewrite"]
            assert a["wanted"]["nll"] == pytest.approx(b["wanted"]["nll"], abs=1e-4)
            assert together[name][side]["chat"] == alone[name][side]["chat"]


def test_progress_ends_with_all_cases(tiny: EditableModel, case_set: CaseSet, handmade_editor) -> None:
    told: list[tuple[str, int, int]] = []
    evaluate(tiny, case_set, compute=handmade_editor(tiny), group=2, progress=lambda *step: told.append(step))
    assert told == [("cases", done, 5) for done in (0, 2, 4, 5)]


def test_cases_that_share_an_id_are_refused(tiny: EditableModel, case_set: CaseSet) -> None:
    with pytest.raises(InvalidRequest, match="Two cases have the id 'France'"):
        evaluate(tiny, replace(case_set, cases=case_set.cases[:1] * 2), compute=_unwanted)


def test_a_report_is_read_as_it_was_written(tiny: EditableModel, case_set: CaseSet, handmade_editor, tmp_path: Path) -> None:
    report = evaluate(tiny, case_set, compute=handmade_editor(tiny))
    report.write(tmp_path / "report.json")
    assert Report.read(tmp_path / "report.json") == report
    assert report.layers == (1,)
    assert (report.model_digest, report.data_digest) == (tiny.digest, case_set.digest)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"unedited": []}'])
def test_another_file_is_no_report(tmp_path: Path, text: str) -> None:
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(InvalidRequest, match="is not a report"):
        Report.read(tmp_path / "report.json")


def _unwanted(requests):
    raise Killed
