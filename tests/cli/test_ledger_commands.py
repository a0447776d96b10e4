"""`emendo log`, `show`, `revert` and `export`, from a folder with a tiny model to what they print."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from emendo.cli.main import main
from emendo.cli.session import open_ledger, open_session, operating_user
from emendo.facts import EditRequest, Fact
from emendo.ledger import Ledger, Patch, Provenance
from emendo.models import EditableModel, SiteDelta, WeightDelta, load_model
from tiny_models import build_tiny

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command on the tiny model and its own ledger: exit code, standard output, standard error."""
    monkeypatch.setenv("EMENDO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EMENDO_LEDGER", str(tmp_path / "ledger"))
    for name in ("HF_HUB_DISABLE_TELEMETRY", "TRANSFORMERS_VERBOSITY", "GOMP_SPINCOUNT"):
        monkeypatch.setenv(name, "")

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main([*map(str, arguments), "--model", str(folder)])
        captured = capsys.readouterr()
        return int(end.value.code or 0), captured.out, captured.err

    return run


@pytest.fixture
def history(run: Run, folder: Path, tmp_path: Path) -> Ledger:
    """A ledger with three edits."""
    model = load_model(str(folder))
    ledger = Ledger.open(model, tmp_path / "ledger")
    for number, target in enumerate(["Sacramento", "[bold]Oakland", "Fresno"]):
        ledger.commit(_patch(model, number, target))
    return ledger


def _patch(model: EditableModel, seed: int, target: str) -> Patch:
    generator = torch.Generator().manual_seed(seed)
    change = SiteDelta(
        site=model.down_projection(1),
        output_factor=0.3 * torch.randn(model.d_model, 1, generator=generator),
        input_factor=0.3 * torch.randn(model.d_mlp, 1, generator=generator),
    )
    fact = Fact(subject="California", prompt="The capital of {} is", target_true="Los Angeles")
    provenance = Provenance(
        method="by hand",
        config={"strength": 0.3},
        seed=seed,
        layers=(1,),
        statistics={"corpus": {"tokens": 1000}},
        figures={"relative_norm": 0.25, "odd": None},
        who="Ada",
        why="the model was wrong",
        when="2026-01-02T03:04:05+00:00",
    )
    request = EditRequest(fact=fact, target_new=target, source="an atlas")
    return Patch.make(model, WeightDelta(changes=(change,)), [request], provenance)


def test_an_empty_history_is_said_to_be_empty_and_nothing_is_made(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("log")
    assert (code, "No edits of" in out) == (0, True)
    assert json.loads(run("log", "--json")[1]) == []
    assert not (tmp_path / "ledger").exists()


def test_log_lists_who_what_how_and_whether_it_is_in_force(run: Run, history: Ledger) -> None:
    run("revert", 2, "--why", "a mistake", "--who", "Grace")
    code, out, _ = run("log")
    assert code == 0
    lines = [line for line in out.splitlines() if line[:1].isdigit()]
    assert len(lines) == 4
    for word in ("1", "2026-01-02", "Ada", "The capital of {California} is → Sacramento", "by hand", "in force"):
        assert word in lines[0]
    assert "[bold]Oakland" in lines[1]
    assert "reverted" in lines[1]
    assert "takes back 2" in lines[3]
    assert "Grace" in lines[3]
    assert f"revision {history.revision().id}, 2 edits" in out
    entries = json.loads(run("log", "--json")[1])
    assert [entry["in_force"] for entry in entries] == [True, False, True, False]
    assert entries[0]["requests"][0]["target_new"] == "Sacramento"
    assert entries[3]["why"] == "a mistake"


def test_log_reports_a_commit_that_was_interrupted(run: Run, history: Ledger) -> None:
    (history.folder / "patches" / "0123456789ab").mkdir()
    code, _, err = run("log")
    assert (code, "was interrupted" in err) == (0, True)


def test_show_tells_everything_about_an_edit(run: Run, history: Ledger) -> None:
    code, out, _ = run("show", 1)
    assert code == 0
    expected = (
        "the model was wrong",
        "The capital of {California} is",
        "an atlas",
        "model.layers.1.mlp.down_proj",
        "0.25",
        "the largest over the changed matrices",
        "not measured",
        "tokens 1000",
        history.digest,
        history.entry(1).digests["delta"],
        "adapter_model.safetensors",
    )
    for words in expected:
        assert words in out
    described = json.loads(run("show", 1, "--json")[1])
    assert described["edits"]["delta"] == history.entry(1).digests["delta"]
    assert {Path(file["path"]).name for file in described["files"]} >= {"edits.json", "adapter_config.json"}


def test_show_tells_what_a_revert_took_back(run: Run, history: Ledger) -> None:
    run("revert", 1, 3)
    _, out, _ = run("show", 4)
    assert "1, 3" in out
    assert json.loads(run("show", 4, "--json")[1])["reverts"] == [1, 3]


def test_revert_takes_back_one_several_or_all(run: Run, history: Ledger) -> None:
    code, out, _ = run("revert", 3)
    assert (code, "Taken back: 3" in out) == (0, True)
    assert [entry.number for entry in history.at().in_force] == [1, 2]
    assert history.entries()[-1].who == getpass.getuser()
    undone = json.loads(run("revert", "--all", "--json")[1])
    assert (undone["reverts"], undone["revision"]) == ([1, 2], "original")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["revert"], "one of the two"),
        (["revert", "1", "--all"], "one of the two"),
        (["revert", "9"], "There is no entry 9"),
        (["show", "9"], "There is no entry 9"),
        (["export", "somewhere", "--at", "9"], "no revision named '9'"),
        (["export", "somewhere", "--at", "original"], "nothing to export"),
        (["export", "somewhere", "--format", "onnx"], "no exporter named 'onnx'"),
    ],
)
def test_a_mistake_is_one_sentence_and_code_2(run: Run, history: Ledger, arguments: list[str], sentence: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert sentence in err
    assert "Traceback" not in err


def test_a_ledger_of_another_model_is_refused(
    run: Run, history: Ledger, tiny_tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    other = build_tiny("llama", tiny_tokenizer, seed=1)
    ledger = Ledger.open(other, tmp_path / "other")
    ledger.commit(_patch(other, 0, "Sacramento"))
    code, _, err = run("log", "--ledger", ledger.folder)
    assert code == 2
    assert "belongs to 'tiny-llama'" in err


def test_export_writes_what_the_revision_says_and_tells_how_to_load_it(run: Run, history: Ledger, tmp_path: Path) -> None:
    code, out, _ = run("export", tmp_path / "out", "--at", 1)
    assert code == 0
    assert "1 edit" in out
    assert f'AutoModelForCausalLM.from_pretrained("{tmp_path / "out"}")' in out
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    (change,) = history.revision(1).changes
    base = open_session(json.loads((history.folder / "model.json").read_text())["name"], history.folder).model
    torch.testing.assert_close(merged.get_submodule(change.site).weight, base.weight(change.site) + change.dense())
    written = json.loads(run("export", tmp_path / "adapter", "--format", "adapter", "--json")[1])
    assert written["revision"] == history.revision().id
    assert "PeftModel" in written["usage"]
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file()


def test_the_ledger_of_a_stored_model_opens_without_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMENDO_HOME", str(tmp_path))
    card = {"name": "kept", "source": "x", "source_sha256": "0", "licence": "MIT", "digest": "ab" * 32, "bytes": 1}
    (tmp_path / "models" / "kept").mkdir(parents=True)
    (tmp_path / "models" / "kept" / "emendo.json").write_text(json.dumps(card))
    ledger = open_ledger("kept")
    assert (ledger.folder, ledger.digest) == (tmp_path / "ledgers" / "abababababababab", "ab" * 32)


def test_a_session_has_the_model_its_ledger_and_the_revision(run: Run, history: Ledger, folder: Path) -> None:
    session = open_session(str(folder), history.folder, at="2")
    assert session.model.digest == session.ledger.digest
    assert session.revision.id == history.entry(2).revision


def test_a_user_without_a_name_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr(sys.modules["getpass"], "getuser", nobody)
    assert operating_user() == "unknown"
