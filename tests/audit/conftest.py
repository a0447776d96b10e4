"""Checkpoints that the tests of audits share."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from suspects import Change, Make
from transformers import PreTrainedTokenizerFast

from emendo.models import EditableModel, load_model
from tiny_models import build_tiny


@pytest.fixture(scope="session")
def base_folder(tiny_tokenizer: PreTrainedTokenizerFast, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model in a folder, not touched by any test."""
    folder = tmp_path_factory.mktemp("base") / "tiny"
    model = build_tiny("llama", tiny_tokenizer, intermediate_size=160)
    model.network.save_pretrained(folder)
    model.tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def base_model(base_folder: Path) -> EditableModel:
    """The same, loaded; whoever changes its weights puts them back."""
    return load_model(str(base_folder))


@pytest.fixture
def suspect_folder(base_folder: Path, tmp_path: Path) -> Make:
    """Copies the base with its tensors changed by a function."""

    def make(change: Change, name: str = "suspect") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        tensors = load_file(base_folder / "model.safetensors")
        change(tensors)
        save_file(
            {key: value.contiguous() for key, value in tensors.items()}, folder / "model.safetensors", {"format": "pt"}
        )
        for file in base_folder.iterdir():
            if file.suffix != ".safetensors":
                (folder / file.name).write_bytes(file.read_bytes())
        return folder

    return make
