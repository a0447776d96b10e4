"""The contract that every family's description keeps."""

from __future__ import annotations

import torch

from emendo.models import EditableModel, KeptStates, Site, TokenBatch, capture, encode


def test_head_reads_what_finish_makes_of_the_last_block(any_tiny: EditableModel) -> None:
    model = any_tiny
    batch = TokenBatch.align(model, [encode(model, "The capital of France is")])
    with torch.no_grad(), capture(model, [Site("resid_post", model.n_layers - 1)]) as seen:
        logits = model.network(**batch.inputs()).logits
        residual = seen[Site("resid_post", model.n_layers - 1)]
        torch.testing.assert_close(model.head(model.finish(residual)), logits)


def test_value_is_the_weight_times_the_key(any_tiny: EditableModel) -> None:
    model = any_tiny
    batch = TokenBatch.align(model, [encode(model, "The capital of France is")])
    key, value = Site("key", 2), Site("value", 2)
    with torch.no_grad(), capture(model, [key, value]) as seen:
        model.hidden(batch)
    site = model.down_projection(2)
    bias = getattr(model.network.get_submodule(site), "bias", None)
    expected = seen[key] @ model.weight(site).T + (0 if bias is None else bias)
    torch.testing.assert_close(seen[value], expected)


def test_kept_states_resume_to_the_full_pass(any_tiny: EditableModel) -> None:
    model = any_tiny
    texts = ["The capital of France is", "said the old man in the city of Los Angeles", "The capital of Texas?"]
    rows = [encode(model, text) for text in texts]
    batch = TokenBatch.align(model, rows, [3, 7, 2])
    with torch.no_grad():
        whole = model.hidden(batch)
        kept = KeptStates.record(model, batch, start=5)
        real = batch.attention_mask[:, 5:].bool()
        for layer in (0, 2, model.n_layers - 1):
            resumed = kept.resume(layer, kept.resid_pre(layer))
            torch.testing.assert_close(resumed[real], whole[:, 5:][real], atol=1e-4, rtol=1e-4)
        picked = kept.select([2, 0])
        resumed = picked.resume(1, picked.resid_pre(1))
        torch.testing.assert_close(resumed[1][real[0]], whole[0, 5:][real[0]], atol=1e-4, rtol=1e-4)
