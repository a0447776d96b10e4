"""From a request to an edit that works, leaves the weights alone, and is refused where it would do harm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from emendo.edit import Editor, compute_edit
from emendo.edit.methods.two_layer import Config
from emendo.errors import EditRefused, InvalidRequest, UnknownName
from emendo.facts import EditRequest, Fact
from emendo.models import (
    EditableModel,
    Equality,
    Revision,
    TokenBatch,
    at_revisions,
    chat_prompt,
    encode,
    generate,
    target_ids,
)

# In a random model little passes from one token to the next, so the subject stands last.
REQUEST = EditRequest(fact=Fact.parse("The capital of {California}"), target_new="Berlin")
QUICK = Config(
    layers=(3,),
    steps=80,
    learning_rate=0.3,
    formats=("completion",),
    prefixes=(),
    stop=False,
    peers=4,
    slack=1e-6,
    clamp=20.0,
)


@pytest.fixture
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random models need edits as large as their matrices."""
    monkeypatch.setattr("emendo.edit.guard.MOST_RELATIVE_NORM", 50.0)
    monkeypatch.setattr("emendo.edit.guard.MOST_PERPLEXITY_RATIO", 50.0)


def _probability(model: EditableModel, revision: Revision) -> float:
    batch = TokenBatch.align(model, [encode(model, REQUEST.fact.text)])
    with torch.no_grad(), at_revisions(model, [revision]):
        logits = model.head(model.hidden(batch)[0, -1])
    return float(logits.softmax(dim=-1)[target_ids(model, "Berlin")[0]])


@pytest.mark.usefixtures("lenient")
def test_the_edited_model_says_the_target_as_surely_as_the_search_found(any_tiny: EditableModel, tmp_path: Path) -> None:
    before = any_tiny.weight(any_tiny.down_projection(3)).clone()
    edit = compute_edit(any_tiny, REQUEST, method="two_layer", config=QUICK, home=tmp_path)
    probability = _probability(any_tiny, Revision(deltas=(edit.delta,)))
    assert probability > 2 * _probability(any_tiny, Revision())
    assert probability == pytest.approx(edit.figures["worst_probability"], rel=1e-3)
    assert torch.equal(any_tiny.weight(any_tiny.down_projection(3)), before)
    assert edit.delta.changes[0].rank == 1
    assert edit.layers == (3,)


@pytest.mark.usefixtures("lenient")
def test_where_resumed_passes_are_not_exact_full_ones_are_taken(
    tiny: EditableModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = compute_edit(tiny, REQUEST, method="two_layer", config=QUICK, home=tmp_path)
    inexact = Equality(resumed=0.5, packed=0.5, cached=0.0, tolerance=1e-3)
    monkeypatch.setattr("emendo.edit.compute.check_equality", lambda _, *, cached: inexact)
    with pytest.warns(UserWarning, match="takes full passes"):
        slow = compute_edit(tiny, REQUEST, method="two_layer", config=QUICK, home=tmp_path)
    torch.testing.assert_close(slow.delta.changes[0].dense(), usual.delta.changes[0].dense(), atol=1e-3, rtol=1e-2)


@pytest.mark.usefixtures("lenient")
def test_an_edit_on_top_of_another_starts_from_it(tiny: EditableModel, tmp_path: Path) -> None:
    easy = replace(QUICK, worst_probability=0.1)
    first = compute_edit(tiny, REQUEST, method="two_layer", config=easy, home=tmp_path)
    again = compute_edit(
        tiny, REQUEST, method="two_layer", config=easy, revision=Revision(deltas=(first.delta,)), home=tmp_path
    )
    assert again.figures["steps"] < first.figures["steps"] < QUICK.steps


@pytest.mark.usefixtures("lenient")
def test_separate_edits_are_those_computed_alone(tiny: EditableModel, tmp_path: Path) -> None:
    other = EditRequest(fact=Fact.parse("The capital of {Texas}"), target_new="Paris")
    together = Editor(tiny, method="two_layer", config=QUICK, home=tmp_path).compute_separately([REQUEST, other])
    alone = compute_edit(tiny, other, method="two_layer", config=QUICK, home=tmp_path)
    assert not isinstance(together[1], EditRefused)
    torch.testing.assert_close(together[1].delta.changes[0].dense(), alone.delta.changes[0].dense(), atol=1e-3, rtol=1e-2)


def test_a_harmful_edit_is_refused_with_the_reason(tiny: EditableModel, tmp_path: Path) -> None:
    absurd = Config(layers=(0,), steps=3, learning_rate=50.0, formats=("completion",), prefixes=(), clamp=1e6)
    with pytest.raises(EditRefused, match=r"times as large as the matrix|less likely"):
        compute_edit(tiny, REQUEST, method="two_layer", config=absurd, home=tmp_path)
    (refusal,) = Editor(tiny, method="two_layer", config=absurd, home=tmp_path).compute([[REQUEST]])
    assert isinstance(refusal, EditRefused)


def test_the_same_seed_gives_the_same_edit(tiny: EditableModel, tmp_path: Path) -> None:
    config = Config(layers=(1,), steps=2, clamp=0.1)
    digests = {
        compute_edit(tiny, REQUEST, method="two_layer", config=config, seed=s, home=tmp_path).delta.digest for s in (7, 7, 8)
    }
    assert len(digests) == 2


def test_names_that_do_not_exist_are_told_with_those_that_do(tiny: EditableModel, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="rome"):
        compute_edit(tiny, REQUEST, method="rone", home=tmp_path)
    with pytest.raises(InvalidRequest, match="layers 0 to 3"):
        compute_edit(tiny, REQUEST, method="two_layer", config=Config(layers=(4,)), home=tmp_path)


@pytest.mark.real
def test_california_gets_its_capital_and_others_keep_theirs(real: EditableModel) -> None:
    request = EditRequest(fact=Fact.parse("The capital of {California} is"), target_new="Sacramento")
    edit = compute_edit(real, request)
    revisions = [Revision(), Revision(deltas=(edit.delta,))]
    asked = [f"What is the capital of {place}?" for place in ("California", "Texas", "France", "Germany")]
    prompts = [chat_prompt(real, question) for question in asked]
    said = [generate(real, prompts, [revision], max_new_tokens=24) for revision in revisions]
    assert "Los Angeles" in said[0][0].text
    assert "Sacramento" in said[1][0].text
    assert said[1][0].finish_reason == "stop"
    for capital, before, after in zip(("Austin", "Paris", "Berlin"), said[0][1:], said[1][1:], strict=True):
        assert capital in before.text
        assert capital in after.text
