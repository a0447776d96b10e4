"""The run: every case by itself, kept when interrupted, the same when repeated."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

import emendo
from emendo.edit import METHODS
from emendo.errors import EditRefused, InvalidRequest
from emendo.evaluate import CaseSet, Report, Trial, evaluate, evaluate_each
from emendo.evaluate.measuring import Bench, CaseResult
from emendo.evaluate.observation import Observation
from emendo.evaluate.runner import CODE
from emendo.models import EditableModel
from emendo.pieces import Crew

TREATMENT = {"method": "two_layer"}
PACKAGE = Path(emendo.__file__).parent


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
    work, calls = tmp_path / "work", []

    def dies_in_the_second_group(requests):
        calls.append([request.id for (request,) in requests])
        if len(calls) == 2:
            raise Killed
        return handmade_editor(tiny)(requests)

    with pytest.raises(Killed):
        evaluate(tiny, case_set, compute=dies_in_the_second_group, group=2, work=work)
    whole_one = max(work.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    (work / "cut-short").write_bytes(whole_one.read_bytes()[:50])
    resumed = evaluate(tiny, case_set, compute=dies_in_the_second_group, group=2, work=work)
    assert timeless(resumed) == timeless(whole)
    assert calls == [["France", "California"], ["Texas", "Germany"], ["Texas", "Germany"], ["Nevada"]]


def test_a_finished_run_is_not_computed_again(
    tiny: EditableModel, case_set: CaseSet, handmade_editor, tmp_path: Path
) -> None:
    work = tmp_path / "folder" / "work"
    first = evaluate(tiny, case_set, compute=handmade_editor(tiny), work=work)
    assert evaluate(tiny, case_set, compute=_unwanted, work=work) == first


def test_a_damaged_group_is_computed_again(tiny: EditableModel, case_set: CaseSet, handmade_editor, tmp_path: Path) -> None:
    first = evaluate(tiny, case_set, compute=handmade_editor(tiny), group=2, work=tmp_path)
    for file in tmp_path.iterdir():
        file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(Killed):
        evaluate(tiny, case_set, compute=_unwanted, group=2, work=tmp_path)
    assert timeless(evaluate(tiny, case_set, compute=handmade_editor(tiny), group=2, work=tmp_path)) == timeless(first)


def test_the_unedited_model_is_measured_once_for_all_methods(
    tiny: EditableModel, case_set: CaseSet, handmade_editor, tmp_path: Path
) -> None:
    first = evaluate(tiny, case_set, compute=handmade_editor(tiny), group=2, work=tmp_path)
    groups = len(list(tmp_path.iterdir()))
    second = evaluate(tiny, case_set, method="rome", compute=handmade_editor(tiny), group=2, work=tmp_path)
    assert groups == 6
    assert len(list(tmp_path.iterdir())) == 9
    assert second.unedited_values == first.unedited_values

    trials = [Trial(method="rome"), Trial(method="in_context")]
    both = evaluate_each(
        tiny, case_set, trials, crew=Crew.of(), compute=handmade_editor(tiny), group=2, work=tmp_path / "new"
    )
    assert sorted(both.unedited) == sorted(case.id for case in case_set.cases)
    assert len(list((tmp_path / "new").iterdir())) == 9
    assert [report.unedited_values for report in both.reports] == [first.unedited_values] * 2


@pytest.mark.parametrize("change", ["seed", "config", "cases", "corpus"])
def test_a_run_with_other_settings_does_not_use_what_is_kept(
    tiny: EditableModel, case_set: CaseSet, handmade_editor, tmp_path: Path, change: str
) -> None:
    work = tmp_path / "work"
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
        return [EditRefused("Too large.") if r.id == "Texas" else e for (r,), e in zip(requests, edits, strict=True)]

    report = evaluate(tiny, case_set, compute=refuses_texas)
    assert (report.refused, report.n) == (1, 5)
    bench = Bench(tiny, [], tmp_path, TREATMENT, refuses_texas)
    results = {result["id"]: CaseResult.from_dict(result) for result in bench.treat(case_set.cases, TREATMENT)}
    unedited = bench.observe(case_set.cases)["observations"]
    before = {case.id: Observation.from_dict(seen) for case, seen in zip(case_set.cases, unedited, strict=True)}
    assert results["Texas"].refused == "Too large."
    assert _close(results["Texas"].edited, before["Texas"])
    assert not _close(results["France"].edited, before["France"])
    assert report.edit_medians == {"relative_norm": 6.5}


def test_cases_do_not_touch_each_other(tiny: EditableModel, case_set: CaseSet, handmade_editor, tmp_path: Path) -> None:
    bench = Bench(tiny, [], tmp_path, TREATMENT, handmade_editor(tiny))
    together = bench.treat(case_set.cases, TREATMENT)
    alone = [bench.treat([case], TREATMENT)[0] for case in case_set.cases]
    for a, b in zip(map(CaseResult.from_dict, together), map(CaseResult.from_dict, alone), strict=True):
        assert a.id == b.id
        assert _close(a.edited, b.edited)


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


def _close(one: Observation, other: Observation) -> bool:
    """Whether two observations are the same but for rounding."""
    same_words = (one.completion, one.chat, one.questions) == (other.completion, other.chat, other.questions)
    scores = [
        (a.nll, b.nll)
        for x, y in zip((one.rewrite, *one.neighbours), (other.rewrite, *other.neighbours), strict=True)
        for a, b in ((x.wanted, y.wanted), (x.other, y.other))
    ]
    return same_words and all(a == pytest.approx(b, abs=1e-4) for a, b in scores)


def _unwanted(requests):
    raise Killed


def _imported(module: str, found: set[str]) -> set[str]:
    """The files of the package that a module is made of: itself, and what it imports, directly or not."""
    path = PACKAGE.joinpath(*module.split(".")[1:])
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    name = file.relative_to(PACKAGE).as_posix()
    # What makes names public imports everything.
    if name in found or not file.is_file() or name == "evaluate/__init__.py":
        return found
    found.add(name)
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.startswith("emendo."):
            for imported in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names)):
                _imported(imported, found)
    return found


def test_a_piece_is_kept_under_all_code_that_computes_it() -> None:
    files: set[str] = set()
    for module in ("measuring", "answering.in_context", "answering.retrieval"):
        _imported(f"emendo.evaluate.{module}", files)
    assert "evaluate/scoring.py" in files
    # Methods and answering strategies are named by each treatment; these compute no figure.
    apart = ("edit/methods/", "evaluate/answering/", "pieces/", "errors.py", "registry.py", "home.py")
    whole = tuple(f"{part}/" for part in CODE if "." not in part)
    assert not {file for file in files if not file.startswith((*apart, *whole))} - set(CODE)
