"""Loading by name: folders, GGUF files, hub ids, and a sentence for everything that cannot be loaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
import torch
from huggingface_hub.errors import RepositoryNotFoundError
from safetensors.torch import load_file, save_file
from transformers import AutoConfig

from emendo.errors import ModelUnavailable, UnsupportedArchitecture
from emendo.models import EditableModel, TokenBatch, encode, hub, load_model


@pytest.fixture
def folder(tiny: EditableModel, tmp_path: Path) -> Path:
    """The tiny model as a Hugging Face folder."""
    folder = tmp_path / "tiny"
    tiny.network.save_pretrained(folder)
    tiny.tokenizer.save_pretrained(folder)
    return folder


def test_a_folder_gives_the_model_that_was_saved(any_tiny: EditableModel, tmp_path: Path) -> None:
    any_tiny.network.save_pretrained(tmp_path)
    any_tiny.tokenizer.save_pretrained(tmp_path)
    model = load_model(str(tmp_path))
    assert model.digest == any_tiny.digest
    # Not the same tokenizer digest: transformers reads the files of some families in a class of its own.
    assert encode(model, "The capital of France is") == encode(any_tiny, "The capital of France is")
    assert model.stop_ids == any_tiny.stop_ids
    assert model.folder == tmp_path
    batch = TokenBatch.align(model, [encode(model, "The capital of France is")])
    with torch.no_grad():
        assert torch.equal(model.hidden(batch), any_tiny.hidden(batch))
    assert not any(parameter.requires_grad for parameter in model.network.parameters())


def test_a_wanted_dtype_is_another_model(folder: Path, tiny: EditableModel) -> None:
    model = load_model(str(folder), dtype=torch.bfloat16)
    assert model.dtype == torch.bfloat16
    assert model.digest != tiny.digest


def _pickle(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"cposix\nsystem\n")


def _truncate(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def _drop_tensor(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.layers.1.mlp.down_proj.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def _quantise(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "gptq", "bits": 4}
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_pickle, "weights of .* are pickled, and pickle is never opened"),
        (_truncate, "could not be read"),
        (_drop_tensor, r"lack the tensor 'model\.layers\.1\.mlp\.down_proj\.weight'; fetch it again"),
        (lambda folder: (folder / "model.safetensors").unlink(), r"holds no \*\.safetensors"),
        (lambda folder: (folder / "config.json").unlink(), "has no config.json"),
        (lambda folder: (folder / "config.json").write_text("{"), "could not be read"),
        (lambda folder: (folder / "tokenizer.json").write_text("{}"), "could not be read"),
    ],
)
def test_a_damaged_folder_is_refused_in_a_sentence(folder: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(folder)
    with pytest.raises(ModelUnavailable, match=message) as refusal:
        load_model(str(folder))
    assert "\n" not in str(refusal.value)


def test_weights_quantised_beyond_editing_are_refused(folder: Path) -> None:
    _quantise(folder)
    with pytest.raises(UnsupportedArchitecture, match="give the model in full precision"):
        load_model(str(folder))


def test_a_family_that_is_not_known_is_refused_before_its_weights_are_read(folder: Path) -> None:
    AutoConfig.for_model("mixtral").save_pretrained(folder)
    with pytest.raises(UnsupportedArchitecture, match="mixture of experts"):
        load_model(str(folder))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("./nowhere", "There is no folder './nowhere'"),
        ("some/where/else", "There is no folder 'some/where/else'"),
        ("nowhere.gguf", "There is no file 'nowhere.gguf'"),
        ("model.safetensors", "names a single weight file"),
        ("pytorch_model.bin", "names a single weight file"),
        ("two words", "There is no folder 'two words'"),
    ],
)
def test_a_name_that_leads_nowhere_is_answered_without_the_network(name: str, message: str) -> None:
    with pytest.raises(ModelUnavailable, match=message):
        load_model(name)


def test_a_file_that_is_no_gguf_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF" + bytes(60))
    with pytest.raises(ModelUnavailable, match=r"'broken\.gguf' could not be read as a GGUF model"):
        load_model(str(path), home=tmp_path / "home")
    assert not list((tmp_path / "home" / "models").glob("*broken*/*"))


def _answer(monkeypatch: pytest.MonkeyPatch, answer: Exception | SimpleNamespace) -> None:
    def model_info(name: str, timeout: float) -> SimpleNamespace:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(hub, "HfApi", lambda: SimpleNamespace(model_info=model_info))


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub's client."""
    monkeypatch.setattr(hub, "snapshot_download", partial(huggingface_hub.snapshot_download, cache_dir=tmp_path / "hub"))
    monkeypatch.setattr(hub, "scan_cache_dir", partial(huggingface_hub.scan_cache_dir, tmp_path / "hub"))
    return tmp_path / "hub"


def test_a_hub_model_is_found_offline_once_fetched(
    folder: Path, hub_cache: Path, tiny: EditableModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    _answer(monkeypatch, AssertionError("the hub was asked"))
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = hub_cache / "models--someone--tiny"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    (repository / "snapshots").mkdir()
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# Tiny\n")
    size = sum(file.stat().st_size for file in folder.iterdir())
    assert list(hub.hub_models()) == []
    folder.rename(repository / "snapshots" / commit)
    model = load_model("someone/tiny")
    assert model.digest == tiny.digest
    assert model.folder == repository / "snapshots" / commit
    assert list(hub.hub_models()) == [hub.HubModel(name="someone/tiny", commit=commit, licence="mit", bytes=size)]


@pytest.mark.usefixtures("hub_cache")
@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (hub._HTTP_ERROR("Name or service not known"), "the hub cannot be reached .* try again where there is a network"),
        (OSError("offline mode is enabled"), "the hub cannot be reached"),
        (
            RepositoryNotFoundError("404", response=SimpleNamespace(headers={}, request=None)),
            "There is no model 'nobody/nothing' on the hub, and no folder",
        ),
        (
            SimpleNamespace(sha="0" * 40, siblings=[SimpleNamespace(rfilename="pytorch_model.bin")]),
            "has no safetensors weights, and pickled ones are never opened",
        ),
    ],
)
def test_what_the_hub_does_not_give_is_said_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, answer: Exception | SimpleNamespace, message: str
) -> None:
    _answer(monkeypatch, answer)
    with pytest.raises(ModelUnavailable, match=message) as refusal:
        load_model("nobody/nothing")
    assert "\n" not in str(refusal.value)


@pytest.mark.real
def test_the_embedded_model_has_the_parts_it_is_known_for(real: EditableModel) -> None:
    assert (real.n_layers, real.d_model, real.d_mlp) == (30, 576, 1536)
    assert real.tokenizer.decode(sorted(real.stop_ids)) == "<|im_end|>"
    assert real.folder is not None
    again = load_model(str(real.folder))
    assert again.digest == real.digest
