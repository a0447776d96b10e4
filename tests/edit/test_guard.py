"""The guard's ratio is that of a full pass, and it reads no more than it needs."""

from __future__ import annotations

import math

import pytest
import torch

from emendo.edit.corpora import Corpus
from emendo.edit.guard import PASSAGE_TOKENS, PASSAGES, Guard
from emendo.models import ORIGINAL, EditableModel, Revision, SiteDelta, TokenBatch, WeightDelta, at_revisions

IDS = tuple(torch.randint(3, 400, (PASSAGES * PASSAGE_TOKENS,), generator=torch.Generator().manual_seed(0)).tolist())
CORPUS = Corpus(name="drawn", ids=IDS)


def change(model: EditableModel, size: float) -> WeightDelta:
    """A random rank-one change of a matrix, `size` times as large as the matrix."""
    generator, site = torch.Generator().manual_seed(1), model.down_projection(1)
    output, inputs = (torch.randn(n, 1, generator=generator) for n in (model.d_model, model.d_mlp))
    norm = size * model.weight(site).norm() / (output.norm() * inputs.norm())
    return WeightDelta(changes=(SiteDelta(site=site, output_factor=output * norm, input_factor=inputs),))


def log_likelihoods(model: EditableModel, revision: Revision, passages: int) -> torch.Tensor:
    """Of every token but the first of each passage, by full passes."""
    rows = [list(IDS[at * PASSAGE_TOKENS : (at + 1) * PASSAGE_TOKENS]) for at in range(passages)]
    batch = TokenBatch.align(model, rows)
    with torch.no_grad(), at_revisions(model, [revision]):
        log_p = model.head(model.hidden(batch)[:, :-1]).log_softmax(dim=-1)
    return log_p.gather(2, batch.input_ids[:, 1:, None]).flatten()


@pytest.mark.parametrize(("size", "passages"), [(0.01, 1), (30.0, PASSAGES)])
def test_the_ratio_is_that_of_full_passes_over_as_much_text_as_was_needed(
    tiny: EditableModel, size: float, passages: int
) -> None:
    guard, delta = Guard(tiny, ORIGINAL, CORPUS), change(tiny, size)
    harm = guard.measure(delta)
    difference = log_likelihoods(tiny, ORIGINAL, passages) - log_likelihoods(tiny, ORIGINAL.plus(delta), passages)
    assert harm.perplexity_ratio == pytest.approx(math.exp(difference.mean()), rel=1e-5)
    assert harm.relative_norm == pytest.approx(size, rel=1e-4)
    assert guard.measure(delta) == harm


def test_an_edit_is_measured_against_the_revision_that_it_goes_on_top_of(tiny: EditableModel) -> None:
    ruined = ORIGINAL.plus(change(tiny, 30.0))
    harm = Guard(tiny, ruined, CORPUS).measure(change(tiny, 0.001))
    assert harm.perplexity_ratio == pytest.approx(1, abs=0.01)
    assert harm.perplexity_ratio_of_all > 1.02


def test_what_all_edits_cost_is_measured_against_the_original_however_many_there_were(tiny: EditableModel) -> None:
    first, second, third = (change(tiny, size) for size in (30.0, 0.5, 0.001))
    guard = Guard(tiny, ORIGINAL, CORPUS)
    alone = guard.measure(first)
    assert alone.perplexity_ratio == alone.perplexity_ratio_of_all
    revision = ORIGINAL
    for delta in (first, second):
        revision = revision.plus(delta)
        guard = guard.moved(revision)
    harm = guard.measure(third)
    revision = revision.plus(third)
    difference = log_likelihoods(tiny, ORIGINAL, PASSAGES) - log_likelihoods(tiny, revision, PASSAGES)
    assert harm.perplexity_ratio_of_all == pytest.approx(math.exp(difference.mean()), rel=1e-5)
    assert harm.perplexity_ratio == Guard(tiny, ORIGINAL.plus(first).plus(second), CORPUS).measure(third).perplexity_ratio


def test_a_change_that_leaves_no_number_is_not_taken_for_harmless(tiny: EditableModel) -> None:
    ratio = Guard(tiny, ORIGINAL, CORPUS).measure(change(tiny, math.nan)).perplexity_ratio
    assert math.isnan(ratio)
