"""A model that other processes can load."""

from __future__ import annotations

import pytest

from emendo.models import EditableModel, load_model


@pytest.fixture(scope="session")
def saved(tiny: EditableModel, tmp_path_factory: pytest.TempPathFactory) -> EditableModel:
    """The tiny Llama, loaded from a folder."""
    folder = tmp_path_factory.mktemp("saved") / "tiny"
    tiny.network.save_pretrained(folder)
    tiny.tokenizer.save_pretrained(folder)
    return load_model(str(folder), device="cpu")
