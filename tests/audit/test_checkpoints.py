"""Every kind of file gives the same tensors under the same names, and pickles give none."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import gguf
import pytest
import torch
from safetensors.torch import load_file, save_file

from emendo.audit.checkpoint import checkpoint_digest, open_checkpoint
from emendo.errors import ModelUnavailable
from emendo.facts import EditRequest, Fact
from emendo.ledger import Patch, Provenance, export_revision
from emendo.models import EditableModel
from emendo.models.editable import tensor_digest
from tiny_models import random_delta

DOWN = "model.layers.{}.mlp.down_proj.weight"


def test_tensors_and_digests_are_those_of_the_library(base_folder: Path) -> None:
    checkpoint = open_checkpoint(str(base_folder))
    expected = load_file(base_folder / "model.safetensors")
    assert checkpoint.names() == sorted(expected)
    for name, tensor in expected.items():
        assert torch.equal(checkpoint.tensor(name), tensor)
        assert checkpoint.digest(name) == tensor_digest(tensor)
        assert checkpoint.shape(name) == tuple(tensor.shape)


def test_the_digest_of_a_checkpoint_is_that_of_the_model(base_folder: Path, base_model: EditableModel) -> None:
    checkpoint = open_checkpoint(str(base_folder))
    names = checkpoint.names()
    tied = set(base_model.network.state_dict()) - set(names)
    assert not tied
    assert checkpoint_digest((name, checkpoint.digest(name)) for name in names) == base_model.digest


def test_shards_are_one_checkpoint_and_a_missing_one_is_told(base_folder: Path, tmp_path: Path) -> None:
    tensors = load_file(base_folder / "model.safetensors")
    names = sorted(tensors)
    halves = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, own in halves.items():
        save_file({name: tensors[name] for name in own}, tmp_path / file)
    index = {"weight_map": {name: file for file, own in halves.items() for name in own}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    assert open_checkpoint(str(tmp_path)).names() == names
    (tmp_path / "b.safetensors").unlink()
    with pytest.raises(ModelUnavailable, match=r"lacks \d+ of the \d+ tensors that its index names"):
        open_checkpoint(str(tmp_path))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.int8, torch.uint8, torch.bool, torch.float64])
def test_every_type_is_read_as_it_is_stored(dtype: torch.dtype, tmp_path: Path) -> None:
    tensor = torch.tensor([[0, 1, 1], [1, 0, 1]]).to(dtype)
    save_file({"a": tensor, "empty": torch.empty((0, 3), dtype=dtype)}, tmp_path / "x.safetensors")
    checkpoint = open_checkpoint(str(tmp_path / "x.safetensors"))
    assert torch.equal(checkpoint.tensor("a"), tensor)
    assert checkpoint.tensor("empty").shape == (0, 3)
    assert checkpoint.digest("empty") == tensor_digest(torch.empty((0, 3), dtype=dtype))


def test_a_gguf_file_has_the_names_and_rows_of_the_folder(base_folder: Path, tmp_path: Path) -> None:
    path = write_gguf(base_folder, tmp_path / "tiny.gguf", gguf.GGMLQuantizationType.F32)
    base, found = open_checkpoint(str(base_folder)), open_checkpoint(str(path))
    shared = sorted(set(base.names()) & set(found.names()))
    assert len(shared) >= 4 * 9
    assert all(found.digest(name) == base.digest(name) for name in shared)


def test_a_patch_over_its_base_has_the_digests_that_it_predicts(
    base_folder: Path, base_model: EditableModel, tmp_path: Path
) -> None:
    delta = random_delta(base_model, (1, 2))
    request = EditRequest(fact=Fact(subject="Texas", prompt="The capital of {} is"), target_new="Austin")
    patch = Patch.make(
        base_model, delta, [request], Provenance(method="m", config={}, seed=0, layers=(1, 2), who="Ada", why="w")
    )
    patch.write(tmp_path / "patch")
    export_revision(base_model, [patch], tmp_path / "adapter", "adapter")
    base = open_checkpoint(str(base_folder))
    for folder in ("patch", "adapter"):
        suspect = open_checkpoint(str(tmp_path / folder), base)
        changed = [name for name in base.names() if suspect.digest(name) != base.digest(name)]
        assert changed == [DOWN.format(1), DOWN.format(2)]
        assert all(suspect.digest(name) == patch.merged[name]["float32"] for name in changed)


def test_an_adapter_scales_by_alpha_over_rank(base_folder: Path, base_model: EditableModel, tmp_path: Path) -> None:
    a, b = torch.randn(2, base_model.d_mlp), torch.randn(base_model.d_model, 2)
    key = f"base_model.model.{DOWN.format(0).removesuffix('.weight')}.lora_"
    save_file({f"{key}A.weight": a, f"{key}B.weight": b}, tmp_path / "adapter_model.safetensors")
    base = open_checkpoint(str(base_folder))
    for extra, scale in (
        ({}, 8 / 2),
        ({"use_rslora": True}, 8 / 2**0.5),
        ({"alpha_pattern": {"0.mlp.down_proj": 1}}, 1 / 2),
    ):
        config = {"peft_type": "LORA", "lora_alpha": 8, "r": 2, "target_modules": ["down_proj"]}
        (tmp_path / "adapter_config.json").write_text(json.dumps(config | extra))
        merged = open_checkpoint(str(tmp_path), base).tensor(DOWN.format(0))
        torch.testing.assert_close(merged, base.tensor(DOWN.format(0)) + scale * (b @ a), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.ckpt", "weights.pkl"])
def test_pickles_are_refused_unopened(name: str, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (pytest.fail, ("the pickle was opened",))

    (tmp_path / name).write_bytes(pickle.dumps(Trap()))
    for where in (tmp_path, tmp_path / name):
        with pytest.raises(ModelUnavailable, match="is a pickle"):
            open_checkpoint(str(where))


def test_damaged_and_missing_files_are_told_in_a_sentence(base_folder: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes((base_folder / "model.safetensors").read_bytes()[:-100])
    with pytest.raises(ModelUnavailable, match="not a whole safetensors file"):
        open_checkpoint(str(cut))
    (tmp_path / "no.safetensors").write_bytes(b"not one at all")
    with pytest.raises(ModelUnavailable, match="not a whole safetensors file"):
        open_checkpoint(str(tmp_path / "no.safetensors"))
    (tmp_path / "no.gguf").write_bytes(b"GGUF?")
    with pytest.raises(ModelUnavailable, match="could not be read as a GGUF model"):
        open_checkpoint(str(tmp_path / "no.gguf"))
    with pytest.raises(ModelUnavailable, match="There is no"):
        open_checkpoint(str(tmp_path / "absent"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelUnavailable, match=r"holds no \*\.safetensors"):
        open_checkpoint(str(tmp_path / "empty"))


def test_an_adapter_needs_its_base_and_must_be_lora(base_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "IA3"}')
    with pytest.raises(ModelUnavailable, match="nothing without its base"):
        open_checkpoint(str(tmp_path))
    base = open_checkpoint(str(base_folder))
    with pytest.raises(ModelUnavailable, match="a pickle is never opened"):
        open_checkpoint(str(tmp_path), base)
    shutil.copy(base_folder / "model.safetensors", tmp_path / "adapter_model.safetensors")
    with pytest.raises(ModelUnavailable, match="only plain LoRA is read"):
        open_checkpoint(str(tmp_path), base)


def write_gguf(folder: Path, path: Path, kind: gguf.GGMLQuantizationType) -> Path:
    """The tiny Llama as a GGUF file, its rows of q and k in the order that llama.cpp wants."""
    config = json.loads((folder / "config.json").read_text())
    heads, kv_heads, layers = config["num_attention_heads"], config["num_key_value_heads"], config["num_hidden_layers"]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(layers)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_key_length(config["head_dim"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, layers)
    for name, tensor in load_file(folder / "model.safetensors").items():
        rows = tensor
        for part, count in (("q_proj", heads), ("k_proj", kv_heads)):
            if part in name:
                rows = tensor.reshape(count, 2, -1, tensor.shape[1]).swapaxes(1, 2).reshape(tensor.shape)
        plain = kind if tensor.dim() == 2 else gguf.GGMLQuantizationType.F32
        data = gguf.quantize(rows.contiguous().numpy(), plain)
        writer.add_tensor(f"{names.get_name(name.removesuffix('.weight'))}.weight", data, raw_dtype=plain)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
