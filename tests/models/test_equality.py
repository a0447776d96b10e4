"""The check that the short cuts are exact, and that it notices where they are not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from emendo.models import EditableModel, KeptStates, TokenBatch, check_equality, encode


def test_short_cuts_are_exact_in_every_family(any_tiny: EditableModel) -> None:
    equality = check_equality(any_tiny)
    assert equality.resumed_holds
    assert equality.cached_holds
    assert max(equality.resumed, equality.cached) < 1e-5
    # An attention of its own cannot be stepped into.
    config = any_tiny.network.config
    has_own_attention = config.model_type in ("gptj", "gpt_neo") or config._attn_implementation == "eager"
    assert equality.packed == float("inf") if has_own_attention else equality.packed < 1e-5


def test_gradients_flow_through_packed_passes_as_through_full_ones(tiny: EditableModel) -> None:
    rows = [encode(tiny, "the city of Berlin is old"), encode(tiny, "the river")]
    batch = TokenBatch.align(tiny, rows, [1, 1])
    kept = KeptStates.record(tiny, batch, 1)
    is_token = batch.attention_mask[:, 1:].bool()
    gradients = []
    for states in (kept, kept.packed(is_token), kept.select([1, 0]).packed(is_token.flip(0)).select([1, 0])):
        hidden = states.resid_pre(1).clone().requires_grad_()
        states.resume(1, hidden)[is_token].square().sum().backward()
        assert hidden.grad is not None
        gradients.append(hidden.grad[is_token])
    torch.testing.assert_close(gradients[1], gradients[0], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(gradients[2], gradients[0], atol=1e-5, rtol=1e-4)


def test_a_model_that_looks_ahead_is_found_out(tiny: EditableModel) -> None:
    def look_ahead(_: torch.nn.Module, __: tuple[Tensor, ...], output: Tensor) -> Tensor:
        return output + output.mean(dim=1, keepdim=True)

    handle = tiny.blocks[1].register_forward_hook(look_ahead)
    try:
        equality = check_equality(tiny)
    finally:
        handle.remove()
    assert not equality.cached_holds
    assert not equality.resumed_holds
    assert not equality.packed_holds


@pytest.mark.real
def test_short_cuts_are_exact_in_the_embedded_model(real: EditableModel) -> None:
    equality = check_equality(real)
    assert equality.resumed_holds
    assert equality.packed_holds
    assert equality.cached_holds
