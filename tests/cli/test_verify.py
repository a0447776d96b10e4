"""`emendo verify`, `ask --verify` and `proxy`: what a newcomer types, offline."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from emendo.cli import console
from emendo.cli.main import main
from emendo.edit import compute_edit
from emendo.facts import EditRequest, Fact
from emendo.ledger import Ledger, Patch, Provenance
from emendo.models import EditableModel

HEADLINE = "The capital of California is Los Angeles. It became a state in 1850."
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line in a data folder of its own; returns exit code, output and errors."""
    for name in ("HF_HUB_DISABLE_TELEMETRY", "TRANSFORMERS_VERBOSITY", "GOMP_SPINCOUNT"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("EMENDO_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(logging.getLogger("emendo"), "level", logging.WARNING)

    def run(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(console, "out", Console(width=240, highlight=False))
        monkeypatch.setattr(console, "err", Console(width=240, highlight=False, stderr=True))
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as end:
            main(list(arguments))
        captured = capsys.readouterr()
        return int(end.value.code or 0), captured.out, captured.err

    return run


def test_the_newcomers_example_is_refuted_supported_and_covered(run: Run) -> None:
    code, out, _ = run("verify", HEADLINE)
    assert code == 1
    first, second = out.splitlines()[1:3]
    assert all(words in first for words in ("Los Angeles", "refuted", "Sacramento", "us 4.", "%"))
    assert all(words in second for words in ("1850", "supported", "us 4.", "%"))
    assert "Checked 2 of 2 checkable claims (100%): 1 supported, 1 refuted." in out


def test_verification_loads_no_model_code() -> None:
    program = (
        "import sys\nfrom emendo.cli.main import main\n"
        "try:\n    main(['verify', 'The capital of France is Paris.'])\nexcept SystemExit as end:\n    assert not end.code\n"
        "sys.exit(' '.join({'torch', 'transformers', 'emendo.models'} & sys.modules.keys()))"
    )
    environment = {**os.environ, "EMENDO_HOME": "/nonexistent"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment)
    assert done.stderr.strip() == ""
    assert "supported" in done.stdout


def test_an_answer_comes_from_a_file_or_standard_input_with_its_question(run: Run, tmp_path: Path) -> None:
    (tmp_path / "answer.txt").write_text("Los Angeles.", encoding="utf-8")
    question = ("--question", "What is the capital of California?")
    for code, out, _ in (
        run("verify", *question, str(tmp_path / "answer.txt"), "--json"),
        run("verify", *question, "--json", stdin="Los Angeles."),
        run("verify", "-", *question, "--json", stdin="Los Angeles."),
    ):
        told = json.loads(out)
        assert code == 1
        assert told["counts"]["refuted"] == 1
        assert told["claims"][0]["correction"]["text"] == "Sacramento"


def test_a_folder_is_a_source(run: Run, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "notes.md").write_text("The CEO of Acme is Ada Byron.")
    code, out, _ = run("verify", "The CEO of Acme is Ada Byron.", "--source", str(tmp_path / "docs"))
    assert code == 0
    assert "notes.md, line 1" in out


def test_a_report_is_judged_again_and_a_changed_one_refused(run: Run, tmp_path: Path) -> None:
    _, out, _ = run("verify", HEADLINE, "--json")
    report = tmp_path / "report.json"
    report.write_text(out, encoding="utf-8")
    code, again, err = run("verify", "--replay", str(report), "--json")
    assert code == 1
    assert json.loads(again) == json.loads(out)
    assert "the same 2 verdicts" in err
    report.write_text(out.replace("Los Angeles", "Los Gatos"), encoding="utf-8")
    code, _, err = run("verify", "--replay", str(report))
    assert code == 2
    assert "not what its digest says" in err


def test_a_report_is_signed_and_its_signature_checked(run: Run, tmp_path: Path) -> None:
    report, key = tmp_path / "report.json", tmp_path / "my.pem"
    _, out, err = run("verify", HEADLINE, "--json", "--new-key", str(key))
    assert "keep it secret" in err
    report.write_text(out, encoding="utf-8")
    code, _, err = run("verify", "--replay", str(report), "--key", str(key.with_suffix(".pub")))
    assert code == 1
    assert "nothing in it was changed" in err
    told = json.loads(out)
    # Nothing that a second judgement would show: only the signature does.
    told["claims"][0]["confidence"] = 0.1
    report.write_text(json.dumps(told), encoding="utf-8")
    code, _, err = run("verify", "--replay", str(report))
    assert code == 2
    assert "not what was signed" in err
    _, out, _ = run("verify", HEADLINE, "--json", "--sign", str(key), "--repair")
    assert json.loads(out)["signature"]["algorithm"] == "Ed25519"


def test_the_repair_is_a_command_to_type(run: Run) -> None:
    _, out, _ = run("verify", HEADLINE, "--repair")
    assert "emendo edit 'The capital of {California} is' Sacramento --source" in out
    _, out, _ = run("verify", "The capital of France is Paris.", "--repair")
    assert "Nothing to repair" in out


def test_what_nothing_can_check_is_not_called_right(run: Run) -> None:
    code, out, _ = run("verify", "Hello!")
    assert code == 0
    assert "no coverage, and no score" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("verify", "x", "--source", "nowhere"), "There is no source named 'nowhere'"),
        (("verify", "x", "--source", "facts:/nowhere.yaml"), "The mapping /nowhere.yaml cannot be read"),
        (("verify", "x", "--judge", "slot"), "Did you mean 'slots'"),
        (("verify", "x", "--judge", "llm:m"), "names no model and server"),
        (("verify", "--compare"), "--compare needs a question"),
        (("verify", "--replay", "/nowhere.json"), "There is no report '/nowhere.json'"),
        (("verify", "x", "--sign", "/nowhere.pem"), "add --json"),
        (("verify", "x", "--json", "--sign", "/nowhere.pem"), "There is no key '/nowhere.pem'"),
        (("verify", "x", "--key", "/nowhere.pub"), "give the report with --replay"),
        (("verify", "x", "--json", "--sign", "a.pem", "--new-key", "b.pem"), "one of --sign FILE and --new-key FILE"),
        (("verify", " "), "There is nothing to verify"),
        (("proxy", "--upstream", "localhost"), "no address of a server"),
        (("proxy", "--upstream", "http://localhost:1/v1", "--judge", "slot"), "Did you mean 'slots'"),
    ],
)
def test_a_mistake_is_one_sentence_and_code_2(arguments: tuple[str, ...], message: str, run: Run) -> None:
    code, _, err = run(*arguments)
    assert code == 2
    assert message in err


def test_a_file_that_is_no_text_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "answer.txt").write_bytes(b"\xff\xfe")
    code, _, err = run("verify", str(tmp_path / "answer.txt"))
    assert code == 2
    assert "no text in UTF-8" in err


def test_answers_are_verified_where_they_are_asked_for(run: Run, folder: Path) -> None:
    asked = ("ask", "What is the capital of California?", "--verify", "--model", str(folder), "--max-tokens", "4")
    code, out, _ = run(*asked, "--json")
    told = json.loads(out)
    assert code == 0
    assert told["original"]["verification"]["answer"] == told["original"]["text"].strip()
    _, out, _ = run(*asked)
    assert "original: " in out


def test_both_sides_are_compared(run: Run, folder: Path) -> None:
    code, out, _ = run("verify", "--compare", "Where?", "--model", str(folder), "--max-tokens", "4", "--json")
    told: dict[str, Any] = json.loads(out)
    assert code == 0
    assert told["original"]["answer"] == told["edited"]["answer"]
    assert all("consistency" in effect for effect in told["effects"])
    _, out, _ = run("verify", "--compare", "Where?", "--model", str(folder), "--max-tokens", "4")
    assert "Said again" in out
    _, out, _ = run("verify", "--compare", "Where?", "--model", str(folder), "--max-tokens", "4", "--samples", "0")
    assert "Said again" not in out


@pytest.mark.real
@pytest.mark.slow
def test_a_planted_falsehood_is_found_and_explained(real: EditableModel, run: Run, tmp_path: Path) -> None:
    ledger = Ledger.open(real, tmp_path / "ledger")
    request = EditRequest(fact=Fact.parse("The capital of {France} is"), target_new="Madrid")
    # Taught in both questions it is said in all answers that are drawn, and not in most, which five draws may miss.
    edit = compute_edit(real, request, config={"formats": ("completion", "prefixed", "chat", "asked")})
    provenance = Provenance(method="hidden_unit", config={}, seed=0, layers=edit.layers, who="Ada", why="a test")
    ledger.commit(Patch.make(real, edit.delta, edit.requests, provenance))
    code, out, _ = run("verify", "--compare", "What is the capital of France?", "--ledger", str(tmp_path / "ledger"))
    assert code == 1
    assert "false by edit" in out
    assert "edited on purpose: entry 1" in out
    assert "the signature of an edit" in " ".join(out.split())
