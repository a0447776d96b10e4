"""A model at a revision is a model whose weights were rewritten, and the original stays the original."""

from __future__ import annotations

import copy
from functools import reduce

import pytest
import torch
from transformers import PreTrainedTokenizerFast

import emendo.models.revision as revision_module
from emendo.models import (
    ORIGINAL,
    EditableModel,
    Revision,
    Site,
    SiteDelta,
    TokenBatch,
    WeightDelta,
    at_revisions,
    encode,
    patch_activation,
)
from tiny_models import build_tiny, random_delta

TEXTS = ["The capital of France is", "What is the capital of Texas?", "said the old man"]


def merged(model: EditableModel, revision: Revision) -> EditableModel:
    """A copy of the model with the revision written into its weights."""
    network = copy.deepcopy(model.network)
    for change in revision.changes:
        dense = change.dense()
        weight = network.get_submodule(change.site).weight
        weight.data += dense.T if model.architecture.transposed else dense
    return EditableModel(network, model.tokenizer, "merged")


def test_each_row_runs_at_its_own_revision(any_tiny: EditableModel) -> None:
    model = any_tiny
    one = ORIGINAL.plus(random_delta(model, (1, 2)))
    two = one.plus(random_delta(model, (2, 3), seed=1))
    batch = TokenBatch.align(model, [encode(model, text) for text in TEXTS])
    with torch.no_grad():
        plain = model.hidden(batch)
        with at_revisions(model, [one, ORIGINAL, two]):
            mixed = model.hidden(batch)
        copies = [merged(model, revision).hidden(batch) for revision in (one, two)]
        after = model.hidden(batch)
    is_token = batch.attention_mask.bool()
    for row, copied in ((0, copies[0]), (2, copies[1])):
        torch.testing.assert_close(mixed[row][is_token[row]], copied[row][is_token[row]], atol=1e-4, rtol=1e-4)
        assert (mixed[row] - plain[row]).abs().max() > 1e-2
    assert torch.equal(mixed[1], plain[1])
    assert torch.equal(after, plain)


def test_one_revision_holds_for_every_row(tiny: EditableModel) -> None:
    revision = ORIGINAL.plus(random_delta(tiny, (1,)))
    batch = TokenBatch.align(tiny, [encode(tiny, text) for text in TEXTS])
    with torch.no_grad():
        with at_revisions(tiny, [revision]):
            single = tiny.hidden(batch)
        with at_revisions(tiny, [revision] * 3):
            several = tiny.hidden(batch)
    torch.testing.assert_close(single, several)


def test_the_original_revision_leaves_no_trace(tiny: EditableModel) -> None:
    with at_revisions(tiny, [ORIGINAL]):
        assert not any(module._forward_hooks for module in tiny.network.modules())


def test_a_small_edit_is_rounded_once_in_a_half_precision_model(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    model = build_tiny("llama", tiny_tokenizer)
    model = EditableModel(model.network.to(torch.bfloat16), tiny_tokenizer, "half")
    delta = random_delta(model, (1,))
    batch = TokenBatch.align(model, [encode(model, TEXTS[0])])
    site = model.network.get_submodule(model.down_projection(1))
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    with torch.no_grad(), at_revisions(model, [ORIGINAL.plus(delta)]):
        handle = site.register_forward_hook(lambda _, args, output: seen.append((args[0], output)))
        model.hidden(batch)
        handle.remove()
    key, value = seen[0]
    (change,) = delta.changes
    exact = site.forward(key).float() + (key.float() @ change.input_factor) @ change.output_factor.T
    assert value.dtype == torch.bfloat16
    assert torch.equal(value, exact.to(torch.bfloat16))


def test_revisions_are_named_by_their_deltas_in_order(tiny: EditableModel) -> None:
    a, b = random_delta(tiny, (1,)), random_delta(tiny, (1,), seed=1)
    assert ORIGINAL.id == "original"
    assert Revision(deltas=(a, b)).id == ORIGINAL.plus(a).plus(b).id
    assert Revision(deltas=(a, b)).id != Revision(deltas=(b, a)).id
    assert Revision(deltas=(random_delta(tiny, (1,)),)).id == Revision(deltas=(a,)).id


@pytest.mark.parametrize("rank", [19, 20])
def test_the_matrix_is_written_out_where_factors_are_more_work(tiny: EditableModel, rank: int) -> None:
    """32 × 48 numbers in the matrix, and 80 in each column of the factors."""
    (change,) = random_delta(tiny, (1,), rank=rank).changes
    assert len(change.multipliers) == (2 if rank == 19 else 1)
    inputs = torch.randn(7, tiny.d_mlp, generator=torch.Generator().manual_seed(0))
    outputs = inputs
    for multiplier in change.multipliers:
        outputs = outputs @ multiplier
    torch.testing.assert_close(outputs, inputs @ change.input_factor @ change.output_factor.T, atol=1e-4, rtol=1e-4)


def test_a_model_at_a_dense_delta_is_one_whose_weights_were_rewritten(any_tiny: EditableModel) -> None:
    model = any_tiny
    revision = ORIGINAL.plus(random_delta(model, (1,), rank=model.d_model)).plus(random_delta(model, (1,), seed=1))
    batch = TokenBatch.align(model, [encode(model, TEXTS[0])])
    with torch.no_grad():
        with at_revisions(model, [revision]):
            edited = model.hidden(batch)
        copied = merged(model, revision).hidden(batch)
    torch.testing.assert_close(edited, copied, atol=1e-4, rtol=1e-4)
    assert [len(multipliers) for multipliers in revision.multipliers.values()] == [1]


@pytest.mark.parametrize("ranks", [(2, 3, 1), (8, 8, 8), (32, 1, 32), (1, 32, 2)])
def test_deltas_weigh_the_same_to_the_bit_one_by_one_and_all_at_once(tiny: EditableModel, ranks: tuple[int, ...]) -> None:
    deltas = [random_delta(tiny, (1, 2) if at else (1,), rank=rank, seed=at) for at, rank in enumerate(ranks)]
    # Two rows of one matrix may be changed one by one.
    deltas.append(WeightDelta(changes=deltas[0].changes + deltas[1].changes))
    one_by_one = ORIGINAL
    for delta in deltas:
        one_by_one = one_by_one.plus(delta)
    at_once = Revision(deltas=tuple(deltas))
    assert list(one_by_one.multipliers) == list(at_once.multipliers) == [change.site for change in at_once.changes]
    for change in at_once.changes:
        grown, whole = one_by_one.multipliers[change.site], at_once.multipliers[change.site]
        assert all(torch.equal(a, b) for a, b in zip(grown, whole, strict=True))
        torch.testing.assert_close(reduce(torch.matmul, whole), change.dense().T, atol=1e-5, rtol=1e-4)
        # Beyond nineteen columns the matrix is less work.
        assert len(whole) == (2 if change.rank <= 19 else 1)


@pytest.mark.parametrize("rank", [2, 32])
def test_what_a_revision_keeps_does_not_depend_on_how_it_was_first_used(tiny: EditableModel, rank: int) -> None:
    revision, fresh = (ORIGINAL.plus(random_delta(tiny, (2,), rank=rank)) for _ in range(2))
    batch = TokenBatch.align(tiny, [encode(tiny, TEXTS[0])])
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16), at_revisions(tiny, [revision]):
        tiny.hidden(batch)
    change = torch.zeros(tiny.d_model, requires_grad=True)
    hidden = []
    for used in (revision, fresh):
        with at_revisions(tiny, [used]), patch_activation(tiny, Site("value", 1), lambda value: value + change):
            hidden.append(tiny.hidden(batch))
    assert torch.equal(hidden[0], hidden[1])
    (gradient,) = torch.autograd.grad(hidden[0].square().sum() + hidden[0].sum(), change)
    assert gradient.norm() > 0


def test_norm_from_factors_is_the_norm_of_the_matrix(tiny: EditableModel) -> None:
    (change,) = random_delta(tiny, (1,), rank=5).changes
    assert change.rank == 5
    assert change.norm == pytest.approx(float(change.dense().norm()), rel=1e-5)


def test_the_norm_of_a_great_many_factors_fits_into_memory() -> None:
    # Their products with one another would take 320 GB.
    u, v = torch.ones(4, 200_000) / 200_000, torch.ones(3, 200_000)
    assert SiteDelta(site="any", output_factor=u, input_factor=v).norm == pytest.approx(12**0.5)


def test_a_delta_with_holes_is_not_finite(tiny: EditableModel) -> None:
    delta = random_delta(tiny, (1,))
    assert delta.is_finite()
    delta.changes[0].output_factor[0, 0] = torch.nan
    assert not delta.is_finite()


def test_many_revisions_in_one_batch_are_those_of_each_alone(any_tiny: EditableModel) -> None:
    model = any_tiny
    small = [ORIGINAL.plus(random_delta(model, (1, 2), seed=seed)) for seed in range(4)]
    thick, dense = (ORIGINAL.plus(random_delta(model, (2,), rank=rank)) for rank in (3, model.d_model))
    both = small[0].plus(random_delta(model, (2,), seed=9))
    revisions = [small[2], ORIGINAL, small[0], thick, small[0], dense, both, small[3], small[1], thick]
    batch = TokenBatch.align(model, [encode(model, TEXTS[0])] * len(revisions))
    with torch.no_grad():
        with at_revisions(model, revisions) as rows:
            together = model.hidden(batch)
            kept = [7, 3, 0, 1]
            rows.keep(kept)
            fewer = model.hidden(TokenBatch.align(model, [encode(model, TEXTS[0])] * len(kept)))
        for row, revision in enumerate(revisions):
            with at_revisions(model, [revision]):
                alone = model.hidden(TokenBatch.align(model, [encode(model, TEXTS[0])]))[0]
            torch.testing.assert_close(together[row], alone, atol=1e-4, rtol=1e-4)
            if row in kept:
                torch.testing.assert_close(fewer[kept.index(row)], alone, atol=1e-4, rtol=1e-4)


def test_edits_of_one_rank_are_multiplied_at_once(tiny: EditableModel, monkeypatch: pytest.MonkeyPatch) -> None:
    revisions = [ORIGINAL.plus(random_delta(tiny, (1,), seed=seed)) for seed in range(6)]
    batch = TokenBatch.align(tiny, [encode(tiny, TEXTS[0])] * 6)
    shapes: list[torch.Size] = []
    edited = revision_module._edited
    monkeypatch.setattr(
        revision_module, "_edited", lambda output, *rest: shapes.append(output.shape) or edited(output, *rest)
    )
    with torch.no_grad(), at_revisions(tiny, revisions):
        stacked = tiny.hidden(batch)
    assert [shape[0] for shape in shapes] == [6]
    monkeypatch.setattr(revision_module, "_MOST_STACKED", 0)
    with torch.no_grad(), at_revisions(tiny, revisions):
        torch.testing.assert_close(tiny.hidden(batch), stacked, atol=1e-5, rtol=1e-5)
    assert [shape[0] for shape in shapes] == [6] + [1] * 6
