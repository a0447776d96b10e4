"""Servers that tests of serving share."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import Running, running
from transformers import PreTrainedTokenizerFast

from emendo.models import EditableModel
from tiny_models import build_tiny

_is_guarding = False


def _guard(event: str, arguments: tuple[object, ...]) -> None:
    """Refuse connections to anywhere but this machine, whoever opens them."""
    if _is_guarding and event == "socket.connect":
        address = arguments[1]
        if isinstance(address, tuple) and not ipaddress.ip_address(address[0]).is_loopback:
            raise AssertionError(f"something connects to {address[0]}")


sys.addaudithook(_guard)


@pytest.fixture(autouse=True)
def _loopback_only() -> Iterator[None]:
    """No request leaves the machine."""
    global _is_guarding
    _is_guarding = True
    yield
    _is_guarding = False


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
