"""What the page does beyond chatting, by the real procedures on the embedded model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from emendo.cli.canaries import Canary, canaries_of
from emendo.cli.workbench import STRENGTHS, Workbench
from emendo.errors import InvalidRequest
from emendo.facts import EditRequest, Fact
from emendo.ledger import Ledger
from emendo.models import EditableModel, chat_prompt, generate
from emendo.serve import Served
from emendo.serve.edit_shapes import NewCanaries, NewPreview, NewTrace, Span, WrongWords

PREVIEW = {"kind": "preview", "model": "m", "subject": "California", "prompt": "The capital of {} is"}


def silent(*_: Any) -> None:
    """Nobody is told how far it is."""


def give_up(stage: str, done: int, total: int) -> None:
    """Somebody cancels in the middle of the search."""
    if stage == "searching values" and done:
        raise KeyboardInterrupt


def wrong(question: str, answer: str, words: str) -> WrongWords:
    at = answer.index(words)
    return WrongWords(model="m", question=question, answer_text=answer, wrong=Span(start=at, end=at + len(words)))


@pytest.fixture
def served(tiny: EditableModel, tmp_path: Path) -> Served:
    return Served("m", tiny, Ledger.open(tiny, tmp_path))


@pytest.mark.parametrize(
    ("question", "subject", "prompt"),
    [
        ("What is the capital of California?", "California", "The capital of {} is"),
        ("Who is the CEO of Apple?", "Apple", "The CEO of {} is"),
        ("Where was Marie Curie born?", "Marie Curie", "{} was born in"),
        ("When was Rome founded?", "Rome", "When was {} founded?"),
    ],
)
def test_wrong_words_become_the_fact_that_was_asked_for(served: Served, question: str, subject: str, prompt: str) -> None:
    found = Workbench().suggest(served, wrong(question, "The capital is Los Angeles.", "Los Angeles"))
    assert (found.subject, found.prompt, found.target_old) == (subject, prompt, "Los Angeles")
    assert found.candidates[0] == subject


def test_a_question_about_nothing_says_so(served: Served) -> None:
    with pytest.raises(InvalidRequest, match="No subject was found"):
        Workbench().suggest(served, wrong("What?", "Los Angeles", "Los"))


def test_every_kind_of_canary_is_asked() -> None:
    request = EditRequest(fact=Fact(subject="California", prompt="The capital of {} is"), target_new="Sacramento")
    canaries = canaries_of(request, [Fact(subject="Texas", prompt="The capital of {} is")])
    assert [canary.kind for canary in canaries] == ["efficacy", "paraphrase", "paraphrase", "neighbour", "fluency"]
    assert canaries[0] == Canary(
        kind="efficacy", prompt="What is the capital of California?", is_chat=True, target="Sacramento"
    )
    assert canaries[3].prompt == "What is the capital of Texas?"


def test_earlier_searches_leave_no_trace_in_what_is_computed(
    served: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Another target before, and a search that was given up."""
    monkeypatch.setenv("EMENDO_HOME", str(tmp_path / "home"))
    # Random models need edits as large as their matrices.
    monkeypatch.setattr("emendo.edit.guard.MOST_RELATIVE_NORM", 1e3)
    monkeypatch.setattr("emendo.edit.guard.MOST_PERPLEXITY_RATIO", 1e9)
    bench = Workbench()

    def preview(target: str, report: Any = silent) -> str:
        wanted = NewPreview(**PREVIEW, target_new=target, method="rome", layer=1)
        return bench.preview(served, wanted, report, silent).edit.delta.digest

    first = preview("Sacramento")
    assert preview("Austin") != first
    assert preview("Sacramento") == first
    with pytest.raises(KeyboardInterrupt):
        preview("Austin", give_up)
    assert preview("Sacramento") == first


@pytest.mark.parametrize(("prompt", "unread"), [("{} is in", True), ("The capital of {} is", False)])
def test_a_preview_says_where_the_subject_is_not_read(
    served: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, prompt: str, unread: bool
) -> None:
    monkeypatch.setenv("EMENDO_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("emendo.edit.guard.MOST_RELATIVE_NORM", 1e3)
    monkeypatch.setattr("emendo.edit.guard.MOST_PERPLEXITY_RATIO", 1e9)
    wanted = NewPreview(kind="preview", model="m", subject="Q", prompt=prompt, target_new="Paris", method="rome", layer=1)
    preview = Workbench().preview(served, wanted, silent, silent)
    told = ["begins with Q is hardly changed" in limit for limit in preview.result["delta_figures"]["limits"]]
    assert told == [True] * unread


@pytest.mark.real
def test_an_edit_is_previewed_committed_and_watched(real: EditableModel, tmp_path: Path) -> None:
    served, bench = Served("m", real, Ledger.open(real, tmp_path)), Workbench()
    stages: list[str] = []
    preview = bench.preview(
        served,
        NewPreview(**PREVIEW, target_new="Sacramento", target_true="Los Angeles"),
        lambda stage, done, total: stages.append(stage),
        silent,
    )
    result = preview.result
    assert {"searching values", "trying strengths", "asking the edited model"} <= set(stages)
    assert result["strengths"] == list(STRENGTHS)
    curves, one = result["curves"], STRENGTHS.index(1.0)
    assert curves["p_new"][0] < 0.2 < 0.9 < curves["p_new"][one]
    assert curves["p_old"][one] < 0.1 * curves["p_old"][0]
    assert len(curves["neighbours"]) == 4
    for neighbour in curves["neighbours"]:
        assert len(neighbour["p"]) == len(STRENGTHS)
        assert neighbour["p"][one] == pytest.approx(neighbour["p"][0], rel=0.2)
    assert "Sacramento" in result["says"]["chat"]
    assert served.ledger.entries() == []
    entry = preview.commit(0.75, "Ada", "the model said Los Angeles")
    assert (entry.who, entry.why, entry.figures["strength"]) == ("Ada", "the model said Los Angeles", 0.75)
    assert result["delta_figures"]["limits"] == []
    # The gate, which is the largest part of it, stays.
    assert entry.figures["relative_norm"] == pytest.approx(result["delta_figures"]["relative_norm"], rel=1e-3)
    prompt = chat_prompt(real, "What is the capital of California?")
    original, edited = generate(real, [prompt, prompt], [served.revision("original"), served.revision()], max_new_tokens=12)
    assert "Los Angeles" in original.text
    assert "Sacramento" in edited.text
    lights = bench.canaries(served, NewCanaries(kind="canaries", model="m"), silent, silent)["canaries"]
    by_kind = {light["kind"]: light for light in lights}
    assert by_kind["efficacy"]["state"] == "green"
    assert "Los Angeles" in by_kind["efficacy"]["before"]
    assert [light["state"] for light in lights if light["kind"] == "neighbour"].count("red") == 0
    served.ledger.revert([entry.number], "Ada", "")
    restored = bench.restore(served, entry.number, "Grace", "on again")
    assert (restored.who, restored.why, restored.revision) == ("Grace", "on again", entry.revision)
    assert served.revision().deltas[0].digest == entry.digests["delta"]


@pytest.mark.real
def test_a_trace_arrives_coarsely_first(real: EditableModel, tmp_path: Path) -> None:
    served, parts = Served("m", real, Ledger.open(real, tmp_path)), []
    wanted = NewTrace(kind="trace", model="m", subject="France", prompt="The capital of {} is")
    result = Workbench().trace(served, wanted, silent, parts.append)
    assert [part["noise_samples"] for part in parts] == [2, 10]
    assert parts[-1] == result
    assert result["target"].strip() == "Paris"
    first, last = result["subject_range"]
    for kind in ("states", "mlp", "attention"):
        effects = result["kinds"][kind]["effects"]
        assert len(effects) == len(result["tokens"])
        assert len(effects[0]) == len(result["kinds"][kind]["standard_errors"][0]) == result["n_layers"]
    token, _ = result["peak"]["mlp"]
    assert first <= token <= last
