"""`emendo trace` and `emendo lens`, run as a user runs them, on a tiny model in a folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emendo.cli.main import main
from emendo.models import EditableModel


@pytest.fixture(scope="session")
def tiny_folder(tiny: EditableModel, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tiny Llama as a folder that `--model` takes."""
    folder = tmp_path_factory.mktemp("tiny")
    tiny.network.save_pretrained(folder)
    tiny.tokenizer.save_pretrained(folder)
    return str(folder)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    with pytest.raises(SystemExit) as exit_:
        main(list(arguments))
    captured = capsys.readouterr()
    return int(exit_.value.code or 0), captured.out, " ".join(captured.err.split())


def predicted(capsys: pytest.CaptureFixture[str], folder: str, fact: str) -> str:
    _, out, _ = run(capsys, "trace", fact, "--kinds", "states", "--noise-samples", "2", "-m", folder, "--json")
    return str(json.loads(out)["target"])


def test_table_names_the_strongest_cell(capsys: pytest.CaptureFixture[str], tiny_folder: str) -> None:
    code, out, _ = run(capsys, "trace", "in {city} of", "--noise-samples", "2", "--severed", "-m", tiny_folder)
    assert code == 0
    assert out.count("strongest: layer ") == 5
    assert "the model's own prediction" in out
    assert "total effect" in out


def test_json_is_the_only_thing_on_standard_output(capsys: pytest.CaptureFixture[str], tiny_folder: str) -> None:
    arguments = ("trace", "in {city} of", "--kinds", "mlp,states", "--noise-samples", "2", "-m", tiny_folder, "--json")
    code, out, _ = run(capsys, *arguments)
    assert code == 0
    assert list(json.loads(out)["effects"]) == ["mlp", "states"]
    assert run(capsys, *arguments)[1] == out, "the same seed gives the same trace"


@pytest.mark.parametrize("suffix", ["png", "svg", "html", "json"])
def test_output_is_written(capsys: pytest.CaptureFixture[str], tiny_folder: str, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"trace.{suffix}"
    code, _, err = run(
        capsys, "trace", "in {city} of", "--kinds", "states", "--noise-samples", "2", "-m", tiny_folder, "-o", str(path)
    )
    assert code == 0
    assert path.stat().st_size > 500
    assert f"trace.{suffix}" in err.replace(" ", "")


def test_unknown_fact_is_said_to_be_unknown(capsys: pytest.CaptureFixture[str], tiny_folder: str) -> None:
    code, out, err = run(capsys, "trace", "The capital of {France} is", "--target", "jchowlabs", "-m", tiny_folder)
    assert code == 2
    assert not out
    assert "does not know" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("in {city} of", "-o", "trace.bmp"), "ends in '.bmp'"),
        (("in {city} of", "-o", "no/such/folder/trace.png"), "no folder"),
        (("in city of",), "0 subjects in braces"),
        ((), "Give either a prompt"),
        (("in {city} of", "--facts", "facts.json"), "Give either a prompt"),
        (("--facts", "facts.json", "--target", "x"), "goes with a single prompt"),
        (("--facts", "no-such-file.json"), "no file"),
        (("in {city} of", "--kinds", "state"), "Did you mean 'states'?"),
    ],
)
def test_mistakes_are_one_sentence(
    capsys: pytest.CaptureFixture[str], tiny_folder: str, arguments: tuple[str, ...], sentence: str
) -> None:
    code, out, err = run(capsys, "trace", *arguments, "-m", tiny_folder)
    assert code == 2
    assert not out
    assert sentence in err
    assert "Traceback" not in err


def test_file_of_facts_is_averaged_over_those_that_are_known(
    capsys: pytest.CaptureFixture[str], tiny_folder: str, tmp_path: Path
) -> None:
    texts = ["in {city} of", "is {Austin} far"]
    rows = [
        {"prompt": text.replace("{", "").replace("}", ""), "subject": text[text.index("{") + 1 : text.index("}")]}
        for text in texts
    ]
    rows.append({"prompt": "The capital of France is", "subject": "France", "target_true": "jchowlabs"})
    facts, picture = tmp_path / "facts.json", tmp_path / "average.svg"
    facts.write_text(json.dumps(rows))
    common = ("trace", "--facts", str(facts), "--kinds", "states", "--noise-samples", "2", "-m", tiny_folder)
    code, out, _ = run(capsys, *common, "--json", "-o", str(picture))
    described = json.loads(out)
    assert code == 0
    assert described["facts"] == 2
    assert described["facts_given"] == 3
    assert len(described["skipped"]) == 1
    assert "does not know" in described["skipped"][0]
    assert picture.is_file()
    code, out, err = run(capsys, *common)
    assert "2 of 3 facts are known and traced, 1 skipped" in out
    assert "skipped: The model does not know" in err


def test_file_of_unknown_facts_is_not_averaged(capsys: pytest.CaptureFixture[str], tiny_folder: str, tmp_path: Path) -> None:
    facts = tmp_path / "facts.jsonl"
    facts.write_text(json.dumps({"prompt": "The capital of {} is", "subject": "France", "target_true": "jchowlabs"}))
    code, _, err = run(capsys, "trace", "--facts", str(facts), "-m", tiny_folder)
    assert code == 2
    assert "knows 0 of the 1 facts" in err


def test_lens_shows_every_layer(capsys: pytest.CaptureFixture[str], tiny_folder: str) -> None:
    code, out, _ = run(capsys, "lens", "The capital of France is", "-m", tiny_folder)
    assert code == 0
    assert all(f"\n{layer} " in out.replace("    ", "") for layer in range(4))
    assert "likeliest after the last position from layer" in out
    code, out, _ = run(capsys, "lens", "The capital of France is", "-m", tiny_folder, "--target", "Paris", "--json")
    assert len(json.loads(out)["top_tokens"]) == 4
