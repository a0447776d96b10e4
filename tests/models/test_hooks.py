"""Reading and replacing activations, alike in every family."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from emendo.models import EditableModel, Site, TokenBatch, capture, encode, patch_activation, read_until
from emendo.models.hooks import Kind
from tiny_models import build_tiny

KINDS = get_args(Kind)
TEXTS = ["The capital of France is", "What is the capital of Texas?"]


def _batch(model: EditableModel) -> TokenBatch:
    return TokenBatch.align(model, [encode(model, text) for text in TEXTS])


def test_every_site_is_read_as_batch_by_tokens_by_width(any_tiny: EditableModel) -> None:
    batch = _batch(any_tiny)
    with torch.no_grad(), capture(any_tiny, [Site(kind, 1) for kind in KINDS]) as seen:
        any_tiny.hidden(batch)
    for site, activation in seen.items():
        width = any_tiny.d_mlp if site.kind == "key" else any_tiny.d_model
        assert activation.shape == (*batch.input_ids.shape, width), site
    assert torch.equal(seen[Site("value", 1)], seen[Site("mlp_out", 1)])


@pytest.mark.parametrize(
    "model_type", ["gpt2", "gpt_neo", "gptj", "gpt_neox", "opt", "llama", "mistral", "qwen2", "qwen3", "phi3"]
)
def test_the_residual_stream_is_the_sum_of_its_parts(model_type: str, tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    model = build_tiny(model_type, tiny_tokenizer)
    before, attention, mlp, after = (Site(kind, 1) for kind in ("resid_pre", "attn_out", "mlp_out", "resid_post"))
    with torch.no_grad(), capture(model, [before, attention, mlp, after]) as seen:
        model.hidden(_batch(model))
    torch.testing.assert_close(seen[before] + seen[attention] + seen[mlp], seen[after])


@pytest.mark.parametrize("kind", KINDS)
def test_a_patch_reaches_the_output_from_its_column_on(any_tiny: EditableModel, kind: Kind) -> None:
    batch = _batch(any_tiny)

    def push(activation: torch.Tensor) -> torch.Tensor:
        changed = activation.clone()
        # Not the same everywhere: layer norm would take that out again.
        changed[:, 2] += torch.arange(activation.shape[-1]) % 3
        return changed

    with torch.no_grad():
        clean = any_tiny.hidden(batch)
        with patch_activation(any_tiny, Site(kind, 1), push):
            patched = any_tiny.hidden(batch)
        after = any_tiny.hidden(batch)
    assert torch.equal(patched[:, :2], clean[:, :2])
    assert (patched[:, 2] - clean[:, 2]).abs().amax(dim=-1).min() > 1e-3
    assert torch.equal(after, clean)


@pytest.mark.parametrize("kind", KINDS)
def test_writing_back_what_was_read_changes_nothing(any_tiny: EditableModel, kind: Kind) -> None:
    batch, site = _batch(any_tiny), Site(kind, 2)
    with torch.no_grad():
        with capture(any_tiny, [site]) as seen:
            clean = any_tiny.hidden(batch)
        kept = seen[site].clone()
        with patch_activation(any_tiny, site, lambda _: kept):
            assert torch.equal(any_tiny.hidden(batch), clean)


def test_reading_stops_at_the_deepest_site_and_agrees_with_a_whole_pass(any_tiny: EditableModel) -> None:
    batch, sites = _batch(any_tiny), [Site("key", 1), Site("resid_post", 0)]
    late = Site("resid_pre", 2)
    with torch.no_grad(), capture(any_tiny, [*sites, late]) as seen:
        any_tiny.hidden(batch)
    with capture(any_tiny, [late]) as beyond:
        early = read_until(any_tiny, batch, sites)
    assert not beyond
    assert all(torch.equal(early[site], seen[site]) for site in sites)


def test_hooks_are_removed_when_the_pass_fails(tiny: EditableModel) -> None:
    def fail(_: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"), patch_activation(tiny, Site("key", 0), fail):
        tiny.hidden(_batch(tiny))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in tiny.network.modules())


@pytest.mark.parametrize("by_keyword", [False, True])
def test_blocks_that_return_tuples_or_take_their_input_by_name_are_read_and_patched_alike(
    tiny_tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch, by_keyword: bool
) -> None:
    """What families of older transformers do, and models from outside still may."""
    plain, other = (build_tiny("llama", tiny_tokenizer) for _ in range(2))
    batch, sites = _batch(plain), [Site("resid_pre", 1), Site("key", 1), Site("resid_post", 1)]
    block = other.blocks[1]

    class Wrapped(torch.nn.Module):
        """The block, called as its caller likes, returning a tuple."""

        def __init__(self) -> None:
            super().__init__()
            for name, module in block.named_children():
                self.add_module(name, module)

        def forward(self, hidden_states: torch.Tensor, **named: object) -> tuple[torch.Tensor, None]:
            return block.forward(hidden_states, **named), None

    wrapped = Wrapped()

    class Caller(torch.nn.Module):
        """Stands in the list of blocks for the model's own loop, which expects tensors."""

        def forward(self, hidden_states: torch.Tensor, **named: object) -> torch.Tensor:
            said = wrapped(hidden_states=hidden_states, **named) if by_keyword else wrapped(hidden_states, **named)
            return said[0]

    other.network.model.layers[1] = Caller()
    monkeypatch.setitem(other.__dict__, "blocks", [other.blocks[0], wrapped, *other.blocks[2:]])
    read = []
    for model in (plain, other):
        with torch.no_grad(), capture(model, sites) as seen:
            clean = model.hidden(batch)
        for site in sites:
            with torch.no_grad(), patch_activation(model, site, lambda v: v * 1.5):
                patched = model.hidden(batch)
            assert not torch.equal(patched, clean)
            read += [seen[site], patched]
    half = len(read) // 2
    for one, two in zip(read[:half], read[half:], strict=True):
        torch.testing.assert_close(one, two)
