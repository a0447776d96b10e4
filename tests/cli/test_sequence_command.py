"""`emendo sequence`: methods and sizes of batches in one document, its picture and page, and mistakes in a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from emendo.cli.main import main
from emendo.evaluate import sequence


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command."""
    with pytest.raises(SystemExit) as ended:
        main(["sequence", "capitals", *arguments])
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


@pytest.mark.usefixtures("lenient")
def test_each_method_is_run_with_each_size_of_a_batch(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EMENDO_HOME", str(tmp_path / "home"))
    text = tmp_path / "text.txt"
    text.write_text("The capital of France is Paris. The capital of Texas is Austin. " * 100, encoding="utf-8")
    written, page, picture = (tmp_path / name for name in ("curves.json", "curves.html", "curves.svg"))
    few = ("--model", str(folder), "--text", str(text), "--set", "steps=2", "--layer", "1", "--set", "prefixes=2")
    outputs = ("-o", str(written), "--html", str(page), "--plot", str(picture), "--json")
    code, out, err = run(capsys, "--n", "3", "--points", "1", "--methods", "rome,memit", "--batch", "1,2", *few, *outputs)
    assert code == 0, err
    document = json.loads(written.read_text())
    assert json.loads(out) == document
    assert [(curve["method"], curve["batch"]) for curve in document["methods"]] == [
        ("rome", 1),
        ("rome", 2),
        ("memit", 1),
        ("memit", 2),
    ]
    assert [[point["edits"] for point in curve["points"]] for curve in document["methods"]] == [[1, 3], [2, 3]] * 2
    assert "memit, 2 together" in picture.read_text()
    assert "one edit at a time" in page.read_text()
    measure, measured = sequence._measured, []
    monkeypatch.setattr(sequence, "_measured", lambda *given: measured.append(given) or measure(*given))
    code, _, err = run(capsys, "--n", "3", "--points", "1", "--methods", "emmet,rome", *few, *outputs)
    assert code == 0
    assert f"rome, 1 at a time: '{written}' holds what came after 1, 3 edits." in err
    again = json.loads(written.read_text())["methods"]
    assert [curve["method"] for curve in again] == ["emmet", "rome"]
    assert again[1] == document["methods"][0]
    # Those of emmet.
    assert len(measured) == 2


@pytest.mark.usefixtures("lenient")
def test_a_run_that_is_stopped_leaves_the_points_that_it_came_to(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EMENDO_HOME", str(tmp_path / "home"))
    text, written, picture, page = (tmp_path / name for name in ("text.txt", "curves.json", "curves.svg", "curves.html"))
    text.write_text("The capital of France is Paris. The capital of Texas is Austin. " * 100, encoding="utf-8")
    measure, measured = sequence._measured, []

    def once(*given: Any) -> sequence.SequencePoint:
        if measured:
            raise KeyboardInterrupt
        measured.append(measure(*given))
        return measured[0]

    monkeypatch.setattr(sequence, "_measured", once)
    few = ("--model", str(folder), "--text", str(text), "--set", "steps=2", "--layer", "1", "--set", "prefixes=2")
    outputs = ("-o", str(written), "--html", str(page), "--plot", str(picture))
    code, _, _ = run(capsys, "--n", "2", "--points", "1", "--methods", "rome", *few, *outputs)
    assert code == 130
    assert "rome" in picture.read_text()
    assert "one edit at a time" in page.read_text()
    (curve,) = json.loads(written.read_text())["methods"]
    assert [point["edits"] for point in curve["points"]] == [1]


@pytest.mark.usefixtures("lenient")
def test_workers_measure_a_curve_each_and_find_the_same(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text, written = tmp_path / "text.txt", tmp_path / "curves.json"
    text.write_text("The capital of France is Paris. The capital of Texas is Austin. " * 100, encoding="utf-8")
    few = ("--model", str(folder), "--text", str(text), "--set", "steps=2", "--layer", "1", "--set", "prefixes=2")
    found = []
    for workers in ("1", "2"):
        monkeypatch.setenv("EMENDO_HOME", str(tmp_path / workers))
        many = ("--n", "3", "--points", "1", "--methods", "rome,memit", "--workers", workers)
        code, out, err = run(capsys, *many, *few, "-o", str(written), "--json")
        assert code == 0, err
        assert json.loads(written.read_text()) == json.loads(out)
        written.unlink()
        found.append(json.loads(out)["methods"])
    alone, together = found
    assert [(curve["method"], curve["basis"]) for curve in together] == [
        (curve["method"], curve["basis"]) for curve in alone
    ]
    for curve, other in zip(alone, together, strict=True):
        assert [point["edits"] for point in other["points"]] == [1, 3]
        for point, same in zip(curve["points"], other["points"], strict=True):
            assert same["figures"] == point["figures"]
            # Sums depend on how many threads add them up.
            assert same["perplexity_ratio"] == pytest.approx(point["perplexity_ratio"], rel=1e-4)


@pytest.mark.parametrize("option", ["--points", "--batch"])
@pytest.mark.parametrize("numbers", ["1,many", "0", "10,-1"])
def test_what_is_no_number_is_answered_in_a_sentence(option: str, numbers: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, option, numbers)
    assert (code, out) == (2, "")
    assert f"'{numbers}' are no numbers" in err


def test_no_method_is_no_measurement(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "--methods", " ,")
    assert (code, out) == (2, "")
    assert "No method is named" in err


def test_files_that_cannot_be_read_or_drawn_are_told_before_anything_is_edited(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for option, name, expected in (
        ("--plot", "curves.xyz", "'curves.xyz' is the name of no picture; give one that ends in .png, .svg, .pdf."),
        ("--text", "book.txt", f"There is no file '{tmp_path / 'book.txt'}'; give one of plain text."),
    ):
        code, out, err = run(capsys, option, str(tmp_path / name))
        assert (code, out) == (2, "")
        assert expected in " ".join(err.split())
