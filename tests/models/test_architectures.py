"""The contract that every family's description keeps."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoConfig, PreTrainedTokenizerFast

from emendo.errors import UnsupportedArchitecture
from emendo.models import ARCHITECTURES, EditableModel, KeptStates, Site, TokenBatch, capture, encode
from emendo.models.architecture import architecture_for
from tiny_models import MODEL_TYPES, build_tiny

# What differs within a family: OPT-350m norms after each part and projects the embedding, some windows reach 3 tokens back.
VARIANTS = {
    "opt-350m": ("opt", {"do_layer_norm_before": False, "word_embed_proj_dim": 16}),
    "qwen2-window": ("qwen2", {"use_sliding_window": True, "sliding_window": 3, "max_window_layers": 1}),
    "mistral-window": ("mistral", {"sliding_window": 3}),
    "gemma2-window": ("gemma2", {"sliding_window": 3}),
    "gpt2-untied": ("gpt2", {"tie_word_embeddings": False}),
    "gpt_neox-serial": ("gpt_neox", {"use_parallel_residual": False}),
    "llama-biased": ("llama", {"mlp_bias": True, "attention_bias": True}),
}


@pytest.fixture(scope="module", params=[*MODEL_TYPES, *VARIANTS])
def model(request: pytest.FixtureRequest, tiny_tokenizer: PreTrainedTokenizerFast) -> EditableModel:
    """A random model of every family and of its variants in turn."""
    model_type, changes = VARIANTS.get(request.param, (request.param, {}))
    return build_tiny(model_type, tiny_tokenizer, **changes)


def test_head_reads_what_finish_makes_of_the_last_block(model: EditableModel) -> None:
    batch = TokenBatch.align(model, [encode(model, "The capital of France is")])
    last = Site("resid_post", model.n_layers - 1)
    with torch.no_grad(), capture(model, [last]) as seen:
        logits = model.network(**batch.inputs()).logits
        torch.testing.assert_close(model.head(model.finish(seen[last])), logits)


def test_value_is_the_weight_times_the_key(model: EditableModel) -> None:
    batch = TokenBatch.align(model, [encode(model, "The capital of France is")])
    key, value = Site("key", 2), Site("value", 2)
    with torch.no_grad(), capture(model, [key, value]) as seen:
        model.hidden(batch)
    site = model.down_projection(2)
    assert model.layer_of(site) == 2
    bias = getattr(model.network.get_submodule(site), "bias", None)
    expected = seen[key] @ model.weight(site).T + (0 if bias is None else bias)
    torch.testing.assert_close(seen[value], expected)


def test_kept_states_resume_to_the_full_pass(model: EditableModel) -> None:
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


def test_padding_changes_nothing(model: EditableModel) -> None:
    row = encode(model, "The capital of France is")
    with torch.no_grad():
        alone = model.hidden(TokenBatch.align(model, [row]))[0]
        batch = TokenBatch.align(model, [row, encode(model, "said the old man in the city of Los Angeles")], [2, 8])
        padded = model.hidden(batch)[0, batch.starts[0] : batch.ends[0]]
    torch.testing.assert_close(padded, alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("model_type", ["mixtral", "qwen2_moe", "qwen3_moe", "olmoe", "jamba", "deepseek_v3", "gpt_oss"])
def test_mixture_of_experts_is_refused(model_type: str) -> None:
    with pytest.raises(UnsupportedArchitecture, match=f"'{model_type}' is a mixture of experts"):
        architecture_for(AutoConfig.for_model(model_type))


@pytest.mark.parametrize("model_type", ["lfm2", "mamba", "falcon_h1", "recurrent_gemma"])
def test_other_blocks_are_refused_with_the_families_that_work(model_type: str) -> None:
    with pytest.raises(UnsupportedArchitecture, match=r"Supported: arcee, .*qwen3, .*; a new family is one file"):
        architecture_for(AutoConfig.for_model(model_type))


def test_no_model_type_is_described_twice() -> None:
    types = [t for name in ARCHITECTURES.names() for t in ARCHITECTURES.get(name).ARCHITECTURE.model_types]
    assert len(types) == len(set(types))
