"""What the tests of several commands share."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from tiny_models import build_tiny


@pytest.fixture(scope="module")
def folder(tiny_tokenizer: PreTrainedTokenizerFast, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model in a folder."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    model = build_tiny("llama", tiny_tokenizer)
    model.network.save_pretrained(folder)
    model.tokenizer.save_pretrained(folder)
    return folder
