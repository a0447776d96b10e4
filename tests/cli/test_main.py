"""The command line: every command has help, a mistake is one sentence and code 2."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from emendo import __version__
from emendo.cli import main as main_module
from emendo.cli.main import COMMANDS, main
from emendo.errors import ModelUnavailable
from emendo.models import EditableModel
from tiny_models import build_tiny


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A data folder of its own, and an environment and a logger that `main` may set without a trace."""
    for name in ("HF_HUB_DISABLE_TELEMETRY", "TRANSFORMERS_VERBOSITY", "GOMP_SPINCOUNT"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("EMENDO_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(logging.getLogger("emendo"), "level", logging.WARNING)


def run(*arguments: str) -> int:
    """The exit code of a command line."""
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    return int(end.value.code or 0)


NAMES = [name.replace("_", "-") for name in COMMANDS.names()]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_help_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(name, "--help") == 0
    out = capsys.readouterr().out
    assert "Example" in out
    assert f"emendo {name}" in out


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    out = capsys.readouterr().out
    assert all(f" {name} " in out for name in NAMES)


def test_help_loads_neither_torch_nor_transformers() -> None:
    program = (
        "import sys; from emendo.cli.main import build_app; build_app(); "
        "sys.exit(' '.join({'torch', 'transformers', 'matplotlib'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr == "\n"


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == f"emendo {__version__}\n"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ModelUnavailable("There is no model [here]."), "There is no model [here]."),
        (FileNotFoundError(2, "No such file or directory", "/nowhere"), "No such file or directory (/nowhere)."),
        (OSError("The disk is full"), "The disk is full."),
    ],
)
def test_a_mistake_is_one_sentence_and_code_2(
    error: Exception, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(main_module, "build_app", lambda: lambda _: fail())
    assert run("models") == 2
    captured = capsys.readouterr()
    assert captured.err == f"emendo: {message}\n"
    assert captured.out == ""


def test_an_unknown_option_is_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("models", "--nonsense") == 2
    assert "--nonsense" in capsys.readouterr().err


def test_a_broken_invariant_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise AssertionError("a bug")

    monkeypatch.setattr(main_module, "build_app", lambda: lambda _: fail())
    with pytest.raises(AssertionError, match="a bug"):
        main(["models"])


def test_no_models_are_said_to_be_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("models") == 0
    assert "No model lies in" in capsys.readouterr().out.replace("\n", " ")
    assert run("models", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_converted_model_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = {
        "name": "tiny",
        "source": "tiny.gguf",
        "source_sha256": "0" * 64,
        "licence": "MIT",
        "digest": "ab" * 32,
        "bytes": 5,
    }
    folder = tmp_path / "home" / "models" / "tiny"
    folder.mkdir(parents=True)
    (folder / "emendo.json").write_text(json.dumps(card))
    assert run("models", "--json") == 0
    assert json.loads(capsys.readouterr().out) == [card]
    assert run("models") == 0
    assert "tiny  0 MB  abababababababab  MIT      tiny.gguf" in capsys.readouterr().out


@pytest.fixture
def tiny_folder(tiny: EditableModel, tmp_path: Path) -> Path:
    """The tiny model as a Hugging Face folder."""
    folder = tmp_path / "tiny"
    tiny.network.save_pretrained(folder)
    tiny.tokenizer.save_pretrained(folder)
    return folder


def test_the_doctor_names_parts_memory_and_checks(
    tiny_folder: Path, tiny: EditableModel, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("doctor", str(tiny_folder), "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["digest"] == tiny.digest
    assert (report["layers"], report["d_model"], report["d_mlp"]) == (4, 32, 48)
    assert report["parts"]["down_projection"] == "model.layers.0.mlp.down_proj (Linear)"
    assert report["parts"]["output_projection"] is None
    assert report["memory"]["weights_bytes"] == sum(p.numel() * 4 for p in tiny.network.parameters())
    assert report["equality"]["resumed_holds"]
    assert report["equality"]["cached_holds"]
    assert run("doctor", str(tiny_folder)) == 0
    out = capsys.readouterr().out
    assert "Resumed pass = full pass" in out
    assert "holds" in out


def test_the_doctor_ends_with_1_where_a_short_cut_is_not_exact(
    tiny_tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = build_tiny("llama", tiny_tokenizer)
    model.blocks[1].register_forward_hook(lambda _, __, output: output + output.mean(dim=1, keepdim=True))
    monkeypatch.setattr("emendo.models.load_model", lambda name: model)
    assert run("doctor", "looks-ahead") == 1
    assert "does not hold" in capsys.readouterr().out
