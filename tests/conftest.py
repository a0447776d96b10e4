"""Models and data that tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

# What commands print is as wide whichever test is the first to print.
os.environ["COLUMNS"] = "200"

from emendo.home import default_home
from emendo.models import EditableModel, load_model
from tiny_models import ONE_OF_EACH, WORDS, build_tiny


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


@pytest.fixture(scope="session")
def tiny(tiny_tokenizer: PreTrainedTokenizerFast) -> EditableModel:
    """A random Llama, for logic that does not depend on the family."""
    return build_tiny("llama", tiny_tokenizer)


@pytest.fixture(scope="session", params=ONE_OF_EACH)
def any_tiny(request: pytest.FixtureRequest, tiny_tokenizer: PreTrainedTokenizerFast) -> EditableModel:
    """A random model of each description of a family in turn."""
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


@pytest.fixture
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random models need edits as large as their matrices."""
    monkeypatch.setattr("emendo.edit.guard.MOST_RELATIVE_NORM", 1e3)
    monkeypatch.setattr("emendo.edit.guard.MOST_PERPLEXITY_RATIO", 1e9)
