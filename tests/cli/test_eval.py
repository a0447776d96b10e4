"""`emendo eval`: what it prints, and what it says when something is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emendo.cli.main import main
from emendo.models import EditableModel


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command."""
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


def test_json_on_standard_output_is_the_report_that_is_written(
    capsys: pytest.CaptureFixture[str], folder: Path, few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMENDO_HOME", str(tmp_path / "home"))
    work, report = tmp_path / "work.jsonl", tmp_path / "report.json"
    arguments = ["counterfact", "--data", str(few), "--n", "2", "--model", str(folder), "--layer", "1", "--corpus", "python"]
    code, out, _ = run(capsys, *arguments, "--work", str(work), "-o", str(report), "--json")
    assert code == 0
    printed = json.loads(out)
    assert printed == json.loads(report.read_text())
    assert (printed["n"], printed["method"], printed["config"]["layers"]) == (2, "two_layer", [1])
    assert len(work.read_text().splitlines()) == 2

    code, out, _ = run(capsys, *arguments, "--work", str(work))
    assert code == 0
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


@pytest.mark.real
@pytest.mark.slow
def test_wrong_capitals_of_the_embedded_model_are_set_right(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "capitals", "--correct", "--n", "2", "--json")
    assert code == 0
    report = json.loads(out)
    chat = {side: {f["name"]: f["estimate"] for f in report[side]}["generation_chat"] for side in ("unedited", "edited")}
    assert report["n"] == 2
    assert chat["unedited"] == 0
    assert chat["edited"] > 0
