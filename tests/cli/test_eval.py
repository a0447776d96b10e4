"""`emendo eval`: what it prints, and what it says when something is missing."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from emendo.cli.main import main
from emendo.evaluate.compare import Comparison
from emendo.models import EditableModel
from html_page import Page


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["emendo", "eval", *arguments])
        with pytest.raises(SystemExit) as ended:
            main(["eval", *arguments])
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


@pytest.fixture(scope="module")
def folder(tiny: EditableModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model as a folder."""
    path = tmp_path_factory.mktemp("model")
    tiny.network.save_pretrained(path)
    tiny.tokenizer.save_pretrained(path)
    return path


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """Three cases in CounterFact's flat schema."""
    rows = [
        {
            "case_id": number,
            "prompt": f"The capital of {place} is",
            "subject": place,
            "target_new": "Los Angeles",
            "ground_truth": capital,
            "rephrase_prompt": f"The capital city of {place} is",
            "locality_prompt": "The capital of Texas is",
            "locality_ground_truth": "Austin",
        }
        for number, (place, capital) in enumerate([("France", "Paris"), ("Germany", "Berlin"), ("Nevada", "Carson City")])
    ]
    path = tmp_path / "few.json"
    path.write_text(json.dumps(rows))
    return path


def test_without_a_name_the_benchmarks_are_listed_with_their_licences(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys)
    assert code == 0
    assert "capitals" in out
    assert "counterfact" in out
    code, out, _ = run(capsys, "--json")
    listed = {row["name"]: row for row in json.loads(out)}
    assert {"capitals", "counterfact"} <= set(listed)
    assert listed["counterfact"]["licence"] == "MIT"


def test_missing_data_is_one_sentence_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMENDO_DATA", str(tmp_path / "nowhere"))
    code, out, err = run(capsys, "counterfact")
    assert (code, out) == (2, "")
    assert "--data FILE" in err
    assert "emendo eval capitals" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("capitls",), "Did you mean 'capitals'?"),
        (("capitals", "--methods", "rome,rom"), "Did you mean 'rome'?"),
        (("capitals", "--methods", ","), "No method is named"),
        (("counterfact", "--data", "no-such-file.json"), "There is no file 'no-such-file.json'"),
        (("capitals", "--data", "hub"), "no set on the hub"),
    ],
)
def test_a_mistake_is_answered_in_a_sentence(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert words in err


def test_json_on_standard_output_is_the_document_that_is_written(
    capsys: pytest.CaptureFixture[str], folder: Path, few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMENDO_HOME", str(tmp_path / "home"))
    work, report = tmp_path / "work", tmp_path / "report.json"
    arguments = ["counterfact", "--data", str(few), "--n", "2", "--model", str(folder), "--layer", "1", "--corpus", "python"]
    code, out, _ = run(capsys, *arguments, "--work", str(work), "-o", str(report), "--json")
    assert code == 0
    printed = json.loads(out)
    assert printed == json.loads(report.read_text())
    (told,) = printed["reports"]
    assert (told["n"], told["method"], told["config"]["layers"]) == (2, "hidden_unit", [1])
    assert printed["command"].startswith("emendo eval counterfact --data ")
    assert datetime.fromisoformat(printed["date"]).tzinfo is not None
    kept = {file: file.stat().st_mtime_ns for file in work.iterdir()}
    assert len(kept) == 2, "one group as it is, and one with its edits"

    code, out, _ = run(capsys, *arguments, "--work", str(work))
    assert code == 0
    assert {file: file.stat().st_mtime_ns for file in work.iterdir()} == kept
    told = " ".join(out.split())
    for words in (
        "unedited",
        "efficacy, probability (ES)*",
        "score (S)*",
        "generation, chat",
        "teacher-forced",
        "2 cases of few",
    ):
        assert words in told


def test_methods_are_measured_on_the_same_cases_and_compared(
    capsys: pytest.CaptureFixture[str], folder: Path, few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMENDO_HOME", str(tmp_path / "home"))
    work, document, page = tmp_path / "work", tmp_path / "out" / "methods.json", tmp_path / "out" / "methods.html"
    arguments = ["counterfact", "--data", str(few), "--n", "2", "--model", str(folder), "--layer", "1", "--set", "steps=2"]
    arguments += ["--methods", "rome,two_layer,in_context", "--work", str(work), "-o", str(document), "--html", str(page)]
    monkeypatch.setattr("sys.argv", ["emendo", "eval", *arguments])
    code, out, _ = run(capsys, *arguments, "--all-measures")
    assert code == 0
    told = " ".join(out.split())
    for words in (
        "unedited",
        "in_context",
        "S*",
        "EM*",
        "seconds an edit",
        "teacher-forced",
        "2 cases of few.json",
        "rome on the",
        "too narrow",
    ):
        assert words in told
    comparison = Comparison.read(document)
    assert [report.method for report in comparison.reports] == ["rome", "two_layer", "in_context"]
    assert [(pair.method, pair.against) for pair in comparison.pairs] == [("two_layer", "rome"), ("in_context", "rome")]
    assert comparison.n == 2
    assert comparison.command.startswith("emendo eval counterfact --data ")
    assert datetime.fromisoformat(comparison.date).tzinfo is not None
    kept = sorted(path.name for path in work.iterdir())
    assert len(kept) == 4, "a group of each method, and one of the unedited model"
    shown = Page(page.read_text())
    assert shown.errors == []
    for words in ("3 methods on counterfact", comparison.command, "The capital of Germany is", "score (S)"):
        assert words in shown.text

    # Resumed: nothing is computed again, and what was measured is the same.
    code, out, _ = run(capsys, *arguments, "--json")
    assert code == 0
    assert sorted(path.name for path in work.iterdir()) == kept
    resumed = json.loads(out)
    assert resumed == json.loads(document.read_text())
    same = {"command": comparison.command, "date": comparison.date}
    assert {**resumed, **same} == json.loads(json.dumps(comparison.to_dict()))


def test_a_page_of_one_method_tells_what_was_said_without_a_work_file(
    capsys: pytest.CaptureFixture[str], folder: Path, few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMENDO_HOME", str(tmp_path / "home"))
    page = tmp_path / "page.html"
    arguments = ["--data", str(few), "--n", "1", "--model", str(folder), "--method", "in_context", "--html", str(page)]
    code, out, _ = run(capsys, "counterfact", *arguments)
    assert code == 0
    assert "in_context at layer none" in " ".join(out.split())
    shown = Page(page.read_text())
    assert shown.errors == []
    assert "in_context on counterfact" in shown.text
    assert "Los Angeles , not " in shown.text
    assert "case by case" in shown.text


@pytest.mark.parametrize("option", ["--output", "--html"])
def test_a_place_that_nothing_can_be_written_to_is_said_before_the_work(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, option: str
) -> None:
    code, out, err = run(capsys, "capitals", option, str(tmp_path), "--model", "no such model")
    assert (code, out) == (2, "")
    assert "is a folder" in err
    (tmp_path / "file").write_text("")
    code, _, err = run(capsys, "capitals", option, str(tmp_path / "file" / "report"), "--model", "no such model")
    assert code == 2
    assert "Nothing can be written" in err


@pytest.mark.real
@pytest.mark.slow
def test_wrong_capitals_of_the_embedded_model_are_set_right(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "capitals", "--correct", "--n", "2", "--json")
    assert code == 0
    (report,) = json.loads(out)["reports"]
    chat = {side: {f["name"]: f["estimate"] for f in report[side]}["generation_chat"] for side in ("unedited", "edited")}
    assert report["n"] == 2
    assert chat["unedited"] == 0
    assert chat["edited"] > 0
