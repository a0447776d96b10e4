"""`emendo methods`, `probe` and `forget`, from a folder with a tiny model to what they print."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from pathlib import Path

import pytest
import torch

from emendo.cli.main import main
from emendo.edit import DEFAULT_METHOD, METHODS, Editor
from emendo.edit.forgetting import CONTINUATIONS
from emendo.ledger import Ledger
from emendo.models import load_model

Run = Callable[..., tuple[int, str, str]]
QUICK = ("--layer", "3", "--set", "formats=completion,", "--set", "steps=4", "--set", "clamp=0.2")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line: exit code, standard output, standard error."""
    monkeypatch.setenv("EMENDO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EMENDO_LEDGER", str(tmp_path / "ledger"))
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    monkeypatch.setattr("emendo.edit.guard.MOST_RELATIVE_NORM", 1e3)
    monkeypatch.setattr("emendo.edit.guard.MOST_PERPLEXITY_RATIO", 1e9)
    for name in ("HF_HUB_DISABLE_TELEMETRY", "TRANSFORMERS_VERBOSITY", "GOMP_SPINCOUNT"):
        monkeypatch.setenv(name, "")

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["emendo", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main([*map(str, arguments)])
        captured = capsys.readouterr()
        return int(end.value.code or 0), captured.out, captured.err

    return run


def test_methods_are_listed_and_the_default_is_marked(run: Run) -> None:
    code, out, _ = run("methods")
    assert code == 0
    assert all(name in out for name in METHODS.names())
    rows = json.loads(run("methods", "--json")[1])
    assert [row["name"] for row in rows] == METHODS.names()
    assert [row["name"] for row in rows if row["default"]] == [DEFAULT_METHOD]


@pytest.mark.parametrize("method", METHODS.names())
def test_the_settings_of_every_method_are_shown_with_their_defaults_and_what_they_do(run: Run, method: str) -> None:
    code, out, _ = run("methods", method)
    assert code == 0
    config = METHODS.get(method).Config()
    described = json.loads(run("methods", method, "--json")[1])
    assert described["name"] == method
    assert set(described["settings"]) == {field.name for field in fields(config)}
    assert set(described["meanings"]) == set(described["settings"])
    assert all(field.name in out for field in fields(config))


def test_a_method_that_does_not_exist_is_answered_with_the_closest(run: Run) -> None:
    code, out, err = run("methods", "memitt")
    assert (code, out) == (2, "")
    assert "Did you mean 'memit'?" in err


def test_what_was_probed_is_used_from_then_on(run: Run, folder: Path, tmp_path: Path) -> None:
    sweep = ("probe", folder, "--method", "ft_m", "--layers", "2", "--layers", "3", "--n", "2")
    code, out, _ = run(*sweep, "--no-store", "-o", tmp_path / "sweep.json", "--plot", tmp_path / "sweep.svg")
    assert code == 0
    assert "2 known facts edited one by one" in out
    assert (tmp_path / "sweep.svg").read_text().startswith("<?xml")
    found = json.loads((tmp_path / "sweep.json").read_text())
    assert [candidate["settings"]["layers"] for candidate in found["candidates"]] == [[2], [3]]
    assert found["n"] == 2
    assert found["command"].startswith("emendo probe ")
    assert datetime.fromisoformat(found["date"])
    assert found["seconds"] > 0
    assert found["best"] in found["candidates"]
    assert found["best"]["merit"] == max(candidate["merit"] for candidate in found["candidates"])
    assert not list((tmp_path / "home").glob("profiles/*"))
    code, _, err = run(*sweep, "--json")
    model = load_model(str(folder))
    if found["best"]["merit"] > 0:
        assert code == 0
        assert Editor(model, method="ft_m", home=tmp_path / "home").config.layers == tuple(
            found["best"]["settings"]["layers"]
        )
    else:
        # A random model says nothing that it is taught in chat: there is nothing worth keeping, and that is said.
        assert code == 2
        assert "so nothing was stored; try other layers" in " ".join(err.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--layers", "x"), "names no layers"),
        (("--try", "epoch=1", "--layers", "2"), "Did you mean 'epochs'?"),
        (("--method", "rom"), "Did you mean 'rome'?"),
        (("--plot", "."), "is a folder; give the name of a file"),
        (("--plot", "sweep.xyz"), "'sweep.xyz' is the name of no picture"),
    ],
)
def test_a_mistake_in_a_sweep_is_answered_in_a_sentence(
    run: Run, folder: Path, arguments: tuple[str, ...], words: str
) -> None:
    code, out, err = run("probe", folder, "--n", "1", "--method", "ft_m", *arguments)
    assert (code, out) == (2, "")
    assert words in " ".join(err.split())
    assert "Traceback" not in err


def test_a_fact_is_forgotten_measured_and_recorded(run: Run, folder: Path, tmp_path: Path) -> None:
    fact = "The capital of {France} is"
    code, out, _ = run("forget", fact, "--answer", "Paris", "--samples", "1", "--model", folder, *QUICK, "--json")
    assert code == 0
    told = json.loads(out)
    assert told["answer"] == "Paris"
    assert told["before"]["n"] == told["after"]["n"] == 2 * len(told["before"]["greedy"])
    (entry,) = Ledger.existing(tmp_path / "ledger").entries()
    assert entry.why == "to forget 'Paris'"
    assert entry.requests[0].target_new in CONTINUATIONS
    code, out, _ = run(
        "forget", "The mayor of {Texas} is", "--answer", "Austin", "--samples", "0", "--model", folder, *QUICK
    )
    assert code == 0
    assert "“Austin” was said in" in out
    assert "emendo revert 2" in out


def test_what_the_model_says_is_what_is_forgotten_unless_an_answer_is_given(run: Run, folder: Path, tmp_path: Path) -> None:
    code, out, err = run("forget", "The capital of {France} is", "--samples", "0", "--model", folder, *QUICK, "--json")
    if code == 2:
        assert "says nothing after 'The capital of France is' that could be forgotten" in " ".join(err.split())
        assert not (tmp_path / "ledger").exists()
    else:
        assert json.loads(out)["answer"]
