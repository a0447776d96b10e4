"""Asking both sides, and talking through a pipe: to the original, to the edited model, and back."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from emendo.cli import console
from emendo.cli.main import main
from emendo.edit import Edit
from emendo.errors import EditRefused
from emendo.facts import EditRequest
from emendo.ledger import Ledger
from emendo.models import ORIGINAL, EditableModel, Generation, Revision, chat_prompt, encode, generate
from tiny_models import random_delta

Talk = Callable[..., str]


@pytest.fixture
def folder(tiny: EditableModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny model as a folder, in an environment of its own, with a console wide enough for whole lines."""
    for name in ("HF_HUB_DISABLE_TELEMETRY", "TRANSFORMERS_VERBOSITY", "GOMP_SPINCOUNT"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("EMENDO_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(logging.getLogger("emendo"), "level", logging.WARNING)
    tiny.network.save_pretrained(tmp_path / "tiny")
    tiny.tokenizer.save_pretrained(tmp_path / "tiny")
    return tmp_path / "tiny"


@pytest.fixture
def quick_edits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Edits that change the tiny model without a search; one to "harm" is refused."""

    def compute(model: EditableModel, *requests: EditRequest, **options: Any) -> Edit:
        (request,) = requests
        if request.target_new == "harm":
            raise EditRefused("The edit would do harm.")
        return Edit(
            delta=random_delta(model, (1, 2), seed=len(request.target_new), rank=16),
            requests=(request,),
            method="rome",
            config={},
            seed=options["seed"],
            layers=(1, 2),
            statistics={},
            figures={"seconds": 0.0, "perplexity_ratio_of_all": 1.0},
        )

    monkeypatch.setattr("emendo.edit.compute_edit", compute)


@pytest.fixture
def talk(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Talk:
    """Sends lines through a pipe to `emendo chat`; returns what was printed on both streams."""

    def run(*lines: str, tokens: int = 6) -> str:
        monkeypatch.setattr(console, "out", Console(width=200, highlight=False))
        monkeypatch.setattr(console, "err", Console(width=200, highlight=False, stderr=True))
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        with pytest.raises(SystemExit) as end:
            main(["chat", "--model", str(folder), "--max-tokens", str(tokens)])
        assert not end.value.code
        captured = capsys.readouterr()
        return captured.out + captured.err

    return run


def ask(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> dict[str, Any]:
    """What `emendo ask --json` prints."""
    with pytest.raises(SystemExit) as end:
        main(["ask", *arguments, "--model", str(folder), "--max-tokens", "6", "--json"])
    assert not end.value.code
    described: dict[str, Any] = json.loads(capsys.readouterr().out)
    return described


def said(model: EditableModel, prompt: list[int], revision: Revision) -> Generation:
    """What the model says in six tokens."""
    return generate(model, [prompt], [revision], max_new_tokens=6)[0]


def revision_of(model: EditableModel, at: str | None = None) -> Revision:
    """The revision that the ledger in the data folder holds."""
    return Ledger.open(model).revision(at)


def test_an_unedited_model_gives_one_answer(folder: Path, tiny: EditableModel, capsys: pytest.CaptureFixture[str]) -> None:
    answer = ask(capsys, folder, "What is the capital of Texas?")
    assert "edited" not in answer
    expected = said(tiny, chat_prompt(tiny, "What is the capital of Texas?"), ORIGINAL)
    assert answer["original"]["text"] == expected.text
    assert answer["original"]["revision"] == "original"


@pytest.mark.usefixtures("quick_edits")
def test_both_sides_answer_as_they_do_alone(
    folder: Path, tiny: EditableModel, talk: Talk, capsys: pytest.CaptureFixture[str]
) -> None:
    talk("/edit The capital of {California} is => Sacramento")
    answer = ask(capsys, folder, "The capital of Texas", "--raw")
    prompt = encode(tiny, "The capital of Texas")
    assert answer["original"]["text"] == said(tiny, prompt, ORIGINAL).text
    assert answer["edited"]["text"] == said(tiny, prompt, revision_of(tiny)).text
    assert answer["edited"]["text"] != answer["original"]["text"]
    assert answer["edited"]["revision"] == revision_of(tiny).id
    assert "edited" not in ask(capsys, folder, "The capital of Texas", "--raw", "--at", "original")


@pytest.mark.usefixtures("quick_edits")
def test_sides_are_printed_side_by_side(folder: Path, talk: Talk, capsys: pytest.CaptureFixture[str]) -> None:
    talk("/edit The capital of {California} is => Sacramento")
    with pytest.raises(SystemExit):
        main(["ask", "Who?", "--model", str(folder), "--max-tokens", "2", "--temperature", "1", "--seed", "3"])
    head = next(line for line in capsys.readouterr().out.splitlines() if "original" in line)
    assert "edited (revision" in head


def test_a_conversation_goes_on_with_what_was_said(tiny: EditableModel, talk: Talk) -> None:
    printed = talk("What is the capital of Texas?", "", "Who?")
    messages = [{"role": "user", "content": "What is the capital of Texas?"}]
    first = said(tiny, chat_prompt(tiny, messages), ORIGINAL).text
    messages += [{"role": "assistant", "content": first.strip()}, {"role": "user", "content": "Who?"}]
    second = said(tiny, chat_prompt(tiny, messages), ORIGINAL).text
    assert first in printed
    assert second in printed


@pytest.mark.usefixtures("quick_edits")
def test_facts_are_rewritten_and_taken_back_in_the_conversation(tiny: EditableModel, talk: Talk) -> None:
    printed = talk(
        "/edit The capital of {California} is => Sacramento",
        "/edit The capital of {Texas} is => Dallas",
        "/log",
        "/revert 1",
        "/revert",
        "/log",
    )
    assert "Entry 1: The capital of {California} is → Sacramento" in printed
    assert "Entry 1 is taken back." in printed
    assert "Entry 2 is taken back." in printed
    assert printed.count("in force") == 2
    assert printed.count("reverted") == 2
    assert revision_of(tiny).id == "original"
    assert revision_of(tiny, "2").id != "original"


@pytest.mark.usefixtures("quick_edits")
def test_original_goes_to_the_other_side_and_back(tiny: EditableModel, talk: Talk) -> None:
    printed = talk("/edit The capital of {California} is => Sacramento", "/original", "Who?", "/original", "Who?")
    prompt, revision = chat_prompt(tiny, "Who?"), revision_of(tiny)
    original, edited = said(tiny, prompt, ORIGINAL).text, said(tiny, prompt, revision).text
    assert original != edited
    assert printed.index("at revision original", 60) < printed.index(original) < printed.rindex(f"revision {revision.id}")
    assert edited in printed[printed.rindex(f"revision {revision.id}") :]


@pytest.mark.usefixtures("quick_edits")
@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("/edti x", "There is no command named '/edti'. Did you mean '/edit'?"),
        ("/edit The capital of {California} is", "An edit is written '/edit The capital of {California} is => Sacramento'."),
        ("/edit The capital is => Berlin", "has 0 subjects in braces"),
        ("/edit The capital of {France} is =>", "is empty"),
        ("/edit The capital of {France} is => harm", "The edit would do harm."),
        ("/revert", "No edit is in force"),
        ("/revert one", "'one' is no number of an entry"),
        ("/revert 7", "7"),
        ("/trace The capital", "has 0 subjects in braces"),
        ("word " * 200, "shorten it"),
    ],
)
def test_a_mistake_is_said_and_the_conversation_goes_on(line: str, message: str, tiny: EditableModel, talk: Talk) -> None:
    printed = talk(line, "Who?", "/quit", "/help")
    assert message in printed
    assert said(tiny, chat_prompt(tiny, "Who?"), ORIGINAL).text in printed
    assert "list these commands" not in printed


def test_a_long_conversation_forgets_its_oldest_turns(tiny: EditableModel, talk: Talk) -> None:
    printed = talk(*["What is the capital of Texas, and who wrote it?"] * 8)
    assert "shorten" not in printed
    assert tiny.context_length == 128


def test_a_trace_names_where_the_fact_comes_back(talk: Talk) -> None:
    printed = talk("/trace The capital of {France} is")
    assert "with the subject blurred. What brings it back:" in printed
    assert "MLP output" in printed


def test_help_lists_the_commands(talk: Talk) -> None:
    printed = talk("/help")
    assert all(f"{name} " in printed for name in ("/edit", "/revert", "/original", "/trace", "/log", "/help", "/quit"))


@pytest.mark.real
@pytest.mark.slow
def test_an_edit_in_the_chat_changes_what_the_embedded_model_says(
    real: EditableModel, talk: Talk, folder: Path, tmp_path: Path
) -> None:
    assert real.folder is not None
    (tmp_path / "home").mkdir(exist_ok=True)
    folder.rename(tmp_path / "unused")
    folder.symlink_to(real.folder)
    question = "What is the capital of California?"
    printed = talk(question, "/edit The capital of {California} is => Sacramento", question, "/revert", question, tokens=24)
    before, between, after = (part.splitlines()[0] for part in printed.split("commands.\n")[1:4])
    assert "Sacramento" not in before
    assert "Sacramento" in between
    assert after == before
