"""Servers that tests of serving share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import Running, running
from transformers import PreTrainedTokenizerFast

from emendo.models import EditableModel
from tiny_models import build_tiny


@pytest.fixture(scope="session")
def talker(tiny_tokenizer: PreTrainedTokenizerFast) -> EditableModel:
    """A random Llama with room for conversations, which talks until it is cut."""
    model = build_tiny("llama", tiny_tokenizer, max_position_embeddings=2048)
    # A token that ends an answer would end it anywhere.
    model.stop_ids = frozenset()
    return model


@pytest.fixture(scope="session")
def twin(talker: EditableModel) -> EditableModel:
    """The same in modules of its own, to run beside a server."""
    model = talker.sharing_weights()
    model.stop_ids = talker.stop_ids
    return model


@pytest.fixture(scope="module")
def server(talker: EditableModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server over a tiny model; tests share it and leave it idle."""
    with running(tmp_path_factory.mktemp("server"), talker) as shared:
        yield shared


@pytest.fixture
def fresh(talker: EditableModel, tmp_path: Path) -> Iterator[Running]:
    """A server of one's own."""
    with running(tmp_path, talker) as own:
        yield own
