"""The logit lens: the last layer is the model, and a target is followed through all of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from emendo.locate import logit_lens
from emendo.models import EditableModel, TokenBatch, encode

TEXT = "The capital of France is"


def test_last_layer_is_the_model(any_tiny: EditableModel) -> None:
    lens = logit_lens(any_tiny, TEXT)
    with torch.inference_mode():
        logits = any_tiny.network(**TokenBatch.align(any_tiny, [encode(any_tiny, TEXT)]).inputs()).logits[0]
    best = logits.float().softmax(dim=-1).max(dim=-1)
    assert lens.top_tokens[-1] == tuple(any_tiny.tokenizer.decode([token]) for token in best.indices.tolist())
    np.testing.assert_allclose(lens.probability[-1], best.values.numpy(), atol=1e-5)
    assert lens.target == lens.top_tokens[-1][-1]
    assert lens.target_probability[-1, -1] == pytest.approx(lens.probability[-1, -1])
    assert len(lens.top_tokens) == any_tiny.n_layers


def test_no_token_is_likelier_than_the_likeliest(tiny: EditableModel) -> None:
    lens = logit_lens(tiny, TEXT, target="Paris")
    assert lens.target.strip()
    assert (lens.target_probability <= lens.probability + 1e-9).all()
    assert lens.to_dict()["target_probability"][0][0] == pytest.approx(lens.target_probability[0, 0], abs=1e-6)


@pytest.mark.real
def test_embedded_model_comes_to_paris_in_its_upper_layers(real: EditableModel) -> None:
    lens = logit_lens(real, TEXT)
    assert lens.target == " Paris"
    assert lens.target_probability[0, -1] < 0.01 < lens.target_probability[-1, -1]
