"""Models and data that tests share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from emendo.home import default_home
from emendo.models import ARCHITECTURES, EditableModel, SiteDelta, WeightDelta, load_model

WORDS = (
    "The capital of France is Paris. The capital of California is Sacramento, said the old man in the city of Los Angeles. "
    "What is the capital of Texas? Austin and Nevada and Carson City are far from Berlin, the capital of Germany. "
    "Question: Who wrote it? Answer: jchowlabs. user assistant system Complete the sentence: "
)
MODEL_TYPES = sorted(t for name in ARCHITECTURES.names() for t in ARCHITECTURES.get(name).ARCHITECTURE.model_types)


@pytest.fixture(scope="session")
def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer with 400 tokens and a chat template."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|end|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([WORDS], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|end|>",
        chat_template=(
            "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
            "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
        ),
    )


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
    config = AutoConfig.for_model(model_type, **(fields | special.get(model_type, grouped) | changes))
    network = AutoModelForCausalLM.from_config(config)
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


@pytest.fixture(scope="session")
def tiny(tiny_tokenizer: PreTrainedTokenizerFast) -> EditableModel:
    """A random Llama, for logic that does not depend on the family."""
    return build_tiny("llama", tiny_tokenizer)


@pytest.fixture(scope="session", params=MODEL_TYPES)
def any_tiny(request: pytest.FixtureRequest, tiny_tokenizer: PreTrainedTokenizerFast) -> EditableModel:
    """A random model of every supported family in turn."""
    return build_tiny(request.param, tiny_tokenizer)


@pytest.fixture(scope="session")
def real() -> EditableModel:
    """The embedded model, fetched and converted if it is not there yet."""
    return load_model(home=default_home())


@pytest.fixture(scope="session")
def data() -> Path:
    """The data sets that are not part of the repository; the test is skipped by name where they are absent."""
    folder = Path(os.environ.get("EMENDO_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"the data sets are not at {folder} (set EMENDO_DATA)")
    return folder
