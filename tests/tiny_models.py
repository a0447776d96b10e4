"""Random models of every supported family, small enough to run in milliseconds."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoConfig, PreTrainedTokenizerFast

from emendo.models import ARCHITECTURES, EditableModel, SiteDelta, WeightDelta, auto_class

WORDS = (
    "The capital of France is Paris. The capital of California is Sacramento, said the old man in the city of Los Angeles. "
    "What is the capital of Texas? Austin and Nevada and Carson City are far from Berlin, the capital of Germany. "
    "Question: Who wrote it? Answer: jchowlabs. user assistant system Complete the sentence: "
)
_DESCRIPTIONS = [ARCHITECTURES.get(name).ARCHITECTURE for name in ARCHITECTURES.names()]
MODEL_TYPES = sorted(model_type for description in _DESCRIPTIONS for model_type in description.model_types)
# What is described together is built alike; one of each stands for it where a test takes long.
ONE_OF_EACH = sorted(description.model_types[0] for description in _DESCRIPTIONS)
# Of models that also see, the language model.
_SEEING = {
    "gemma3": "gemma3_text",
    "mistral3": "ministral3",
    "qwen3_vl": "qwen3_vl_text",
    "internvl": "qwen3",
    "llava": "llama",
}
_EYE = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 28,
    "patch_size": 14,
}


def build_tiny(
    model_type: str, tokenizer: PreTrainedTokenizerFast, *, seed: int = 0, n_layers: int = 4, **changes: Any
) -> EditableModel:
    """A random model of a family: 4 layers, width 32, 400 tokens; `changes` are fields of its configuration."""
    fields = {
        "vocab_size": 400,
        "hidden_size": 32,
        "num_hidden_layers": n_layers,
        "num_attention_heads": 4,
        "max_position_embeddings": 128,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }
    grouped = {"num_key_value_heads": 2, "head_dim": 8, "intermediate_size": 48, "sliding_window": 6}
    special = {
        "gpt2": {},
        "gptj": {"rotary_dim": 4},
        "gpt_neo": {"attention_types": [[["global", "local"], n_layers // 2]], "window_size": 6, "intermediate_size": 48},
        "gpt_neox": {"intermediate_size": 48},
        "opt": {"ffn_dim": 48, "word_embed_proj_dim": 32},
    }
    torch.manual_seed(seed)
    fields |= special.get(model_type, grouped) | changes
    if model_type in _SEEING:
        fields = {"text_config": {"model_type": _SEEING[model_type], **fields}, "vision_config": _EYE}
    config = AutoConfig.for_model(model_type, **fields)
    network = auto_class(config).from_config(config)
    # Freshly initialised models are nearly linear and nearly constant; stronger weights make a mistake visible.
    for parameter in network.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.15)
    return EditableModel(network, tokenizer, f"tiny-{model_type}")


def random_delta(model: EditableModel, layers: tuple[int, ...], seed: int = 0, rank: int = 2) -> WeightDelta:
    """A delta of a given rank at the layers, large enough to see."""
    generator = torch.Generator().manual_seed(seed)
    changes = [
        SiteDelta(
            site=model.down_projection(layer),
            output_factor=torch.randn(model.d_model, rank, generator=generator) * 0.3,
            input_factor=torch.randn(model.d_mlp, rank, generator=generator) * 0.3,
        )
        for layer in layers
    ]
    return WeightDelta(changes=tuple(changes))
