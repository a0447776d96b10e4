"""What is exported loads elsewhere and says the same."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from gguf import GGUFReader
from handmade import make_delta, make_patch
from huggingface_hub import ModelCard
from peft import PeftModel
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from emendo.errors import InvalidRequest, LedgerError, PatchMismatch, UnknownName, UnsupportedArchitecture
from emendo.ledger import EXPORTERS, Patch, export_revision
from emendo.ledger.export import merged
from emendo.models import EditableModel, Revision, TokenBatch, at_revisions, auto_class, encode, generate
from emendo.models.editable import tensor_digest
from tiny_models import MODEL_TYPES, build_tiny

PROMPT = "The capital of California is"
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")


def two_patches(model: EditableModel) -> list[Patch]:
    """Two edits that meet at one layer."""
    first = make_patch(model, 1, delta=make_delta(model, layers=(1,), ranks=(1,), seed=1))
    second = make_patch(model, 2, delta=make_delta(model, layers=(1, 2), ranks=(2, 1), seed=2))
    return [first, second]


def revision_of(patches: list[Patch]) -> Revision:
    return Revision(deltas=tuple(patch.delta for patch in patches))


def greedy(network: torch.nn.Module, ids: list[int], *, use_cache: bool = False) -> list[int]:
    """What plain transformers or PEFT says; a tiny model's window is no match for the cache of a family without windows."""
    inputs = torch.tensor([ids])
    settings = {"max_new_tokens": 12, "do_sample": False, "pad_token_id": 0, "use_cache": use_cache}
    output = network.generate(input_ids=inputs, attention_mask=torch.ones_like(inputs), **settings)
    return output[0, len(ids) :].tolist()


def without_end(model: EditableModel, tokens: list[int]) -> tuple[int, ...]:
    return tuple(tokens[: next((i for i, token in enumerate(tokens) if token in model.stop_ids), len(tokens))])


def stored_tensors(folder: Path) -> dict[str, torch.Tensor]:
    tensors = {}
    for path in folder.glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            tensors |= {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no iterator
    return tensors


@pytest.mark.parametrize("exporter", EXPORTERS.names())
def test_every_exporter_lists_every_edit_and_says_how_to_load(exporter: str, tiny: EditableModel, tmp_path: Path) -> None:
    patches = two_patches(tiny)
    folder = export_revision(tiny, patches, tmp_path / "out", exporter)
    card = ModelCard.load(folder / "README.md")
    assert card.data.base_model == "tiny-llama"
    assert "Sacramento 1" in card.text
    assert "Sacramento 2" in card.text
    assert str(folder) in EXPORTERS.get(exporter).usage(tiny, folder)
    edits = json.loads((folder / "edits.json").read_text())
    assert edits["revision"] == revision_of(patches).id
    assert [patch["id"] for patch in edits["patches"]] == [patch.id for patch in patches]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("exporter", EXPORTERS.names())
def test_every_exporter_refuses_what_cannot_be_right(
    exporter: str, tiny: EditableModel, tiny_tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    patches = two_patches(tiny)
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "thesis.tex").write_text("x")
    for folder in (tmp_path / "used", tmp_path / "used" / "thesis.tex"):
        with pytest.raises(InvalidRequest, match="not an empty folder"):
            export_revision(tiny, patches, folder, exporter)
    with pytest.raises(InvalidRequest, match="nothing to export"):
        export_revision(tiny, [], tmp_path / "out", exporter)
    with pytest.raises(PatchMismatch):
        export_revision(build_tiny("llama", tiny_tokenizer, seed=1), patches, tmp_path / "out", exporter)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("exporter", EXPORTERS.names())
def test_a_full_disk_leaves_nothing_behind(
    exporter: str, tiny: EditableModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("emendo.ledger.durable.os.fsync", full)
    with pytest.raises(LedgerError, match="No space left on device"):
        export_revision(tiny, two_patches(tiny), tmp_path / "out", exporter)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_format_is_answered_with_the_list(tiny: EditableModel, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"adapter, gguf, merged"):
        export_revision(tiny, two_patches(tiny), tmp_path / "out", "onnx")


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_merged_folder_says_in_plain_transformers_what_the_revision_says(
    model_type: str, tiny_tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    model = build_tiny(model_type, tiny_tokenizer)
    patches = two_patches(model)
    folder = export_revision(model, patches, tmp_path / "out", "merged")
    loader = auto_class(model.network.config)
    assert f"{loader.__name__}.from_pretrained" in (folder / "README.md").read_text()
    network = loader.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(PROMPT)["input_ids"]
    assert ids == encode(model, PROMPT)
    batch = TokenBatch.align(model, [ids]).inputs()
    with torch.no_grad(), at_revisions(model, [revision_of(patches)]):
        expected = model.network(**batch).logits
    with torch.no_grad():
        torch.testing.assert_close(network(**batch).logits, expected, atol=1e-3, rtol=1e-3)
        assert not torch.allclose(model.network(**batch).logits, expected, atol=1e-1)
    said = generate(model, [ids], [revision_of(patches)], max_new_tokens=12)[0].token_ids
    assert without_end(model, greedy(network, ids)) == said


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_merged_tensors_have_the_predicted_digests_and_the_others_are_untouched(
    dtype: torch.dtype, tiny_tokenizer: PreTrainedTokenizerFast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merged, "_SHARD", "40KB")
    tiny = build_tiny("gpt2", tiny_tokenizer)
    model = EditableModel(tiny.network.to(dtype), tiny_tokenizer, "half")
    patches = two_patches(model)
    folder = export_revision(model, patches, tmp_path / "out", "merged")
    assert len(list(folder.glob("model-*.safetensors"))) > 1
    predicted = json.loads((folder / "edits.json").read_text())["merged"]
    base = model.network.state_dict()
    tensors = stored_tensors(folder)
    assert set(base) - set(tensors) == set(model.network.all_tied_weights_keys)
    for name, tensor in tensors.items():
        assert tensor.dtype == dtype
        if name in predicted:
            assert tensor_digest(tensor) == predicted[name][str(dtype).removeprefix("torch.")]
        else:
            assert torch.equal(tensor, base[name])
    reloaded = AutoModelForCausalLM.from_pretrained(folder, dtype="auto")
    assert all(torch.equal(tensor, reloaded.state_dict()[name]) for name, tensor in tensors.items())
    assert ("rounded once" in (folder / "README.md").read_text()) == (dtype != torch.float32)


def test_one_merged_patch_has_the_digests_that_the_patch_predicts(tiny: EditableModel, tmp_path: Path) -> None:
    patch = make_patch(tiny)
    folder = export_revision(tiny, [patch], tmp_path / "out", "merged")
    tensors = stored_tensors(folder)
    for name, digests in patch.merged.items():
        assert tensor_digest(tensors[name]) == digests["float32"]


def test_a_change_is_not_lost_where_tensors_are_published_in_another_form(
    tiny: EditableModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        merged, "revert_weight_conversion", lambda _, held: {f"other.{n}": t.clone() for n, t in held.items()}
    )
    patch = make_patch(tiny)
    tensors = stored_tensors(export_revision(tiny, [patch], tmp_path / "out", "merged"))
    assert all(tensor_digest(tensors[name]) == digests["float32"] for name, digests in patch.merged.items())


@pytest.mark.parametrize("family", ["llama", "gpt2", "opt", "mistral3"])
def test_adapter_of_a_revision_says_in_peft_what_the_revision_says(
    family: str, tiny_tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    model = build_tiny(family, tiny_tokenizer)
    patches = two_patches(model)
    folder = export_revision(model, patches, tmp_path / "out", "adapter")
    assert f"{auto_class(model.network.config).__name__}.from_pretrained" in (folder / "README.md").read_text()
    network = PeftModel.from_pretrained(copy.deepcopy(model.network), folder).eval()
    ids = encode(model, PROMPT)
    said = generate(model, [ids], [revision_of(patches)], max_new_tokens=12)[0].token_ids
    assert without_end(model, greedy(network, ids)) == said
    batch = TokenBatch.align(model, [ids]).inputs()
    with torch.no_grad(), network.disable_adapter():
        assert torch.equal(network(**batch).logits, model.network(**batch).logits)


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_gguf_adapter_holds_the_factors_under_the_names_of_the_family(
    model_type: str, tiny_tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    model = build_tiny(model_type, tiny_tokenizer)
    patches = two_patches(model)
    if model_type in ("gpt_neo", "opt", "helium", "ministral"):
        with pytest.raises(UnsupportedArchitecture, match=f"no family '{model_type}'"):
            export_revision(model, patches, tmp_path / "out", "gguf")
        return
    folder = export_revision(model, patches, tmp_path / "out", "gguf")
    reader = GGUFReader(folder / "adapter.gguf")
    fields = {name: reader.get_field(name).contents() for name in reader.fields if "." in name and name[0].islower()}
    names = {
        "mistral": "llama",
        "gemma3_text": "gemma3",
        "glm": "chatglm",
        "gpt_neox": "gptneox",
        "hunyuan_v1_dense": "hunyuan-dense",
        "internvl": "qwen3",
        "llava": "llama",
        "ministral3": "mistral3",
        "olmo3": "olmo2",
        "phi": "phi2",
        "qwen3_vl": "qwen3vl",
    }
    assert fields["general.type"] == "adapter"
    assert fields["general.architecture"] == names.get(model_type, model_type)
    assert fields["adapter.type"] == "lora"
    assert fields["adapter.lora.alpha"] == 3.0
    tensors = {tensor.name: np.array(tensor.data) for tensor in reader.tensors}
    assert len(tensors) == 4
    for change in revision_of(patches).changes:
        name = f"blk.{model.layer_of(change.site)}.ffn_down.weight"
        a, b = tensors[f"{name}.lora_a"], tensors[f"{name}.lora_b"]
        rank = change.rank
        assert (a.shape, b.shape) == ((3, model.d_mlp), (model.d_model, 3))
        assert np.array_equal(a[:rank], change.input_factor.T.numpy())
        assert np.array_equal(b[:, :rank], change.output_factor.numpy())
        assert not a[rank:].any()
        assert not b[:, rank:].any()


@pytest.mark.real
def test_the_embedded_model_says_the_same_after_every_way_out(real: EditableModel, tmp_path: Path) -> None:
    patches = [make_patch(real, 3, delta=make_delta(real, layers=(10,), seed=3))]
    ids = encode(real, PROMPT)
    said, original = generate(real, [ids, ids], [revision_of(patches), Revision()], max_new_tokens=12)
    assert said.token_ids != original.token_ids
    for exporter in EXPORTERS.names():
        export_revision(real, patches, tmp_path / exporter, exporter)
    whole = AutoModelForCausalLM.from_pretrained(tmp_path / "merged").eval()
    assert without_end(real, greedy(whole, ids, use_cache=True)) == said.token_ids
    assert AutoTokenizer.from_pretrained(tmp_path / "merged")(PROMPT)["input_ids"] == ids
    site = real.down_projection(10)
    stored = tensor_digest(whole.get_submodule(site).weight)
    assert stored == patches[0].merged[f"{site}.weight"]["float32"]
    adapted = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(real.folder), tmp_path / "adapter").eval()
    assert without_end(real, greedy(adapted, ids, use_cache=True)) == said.token_ids
    with adapted.disable_adapter():
        assert without_end(real, greedy(adapted, ids, use_cache=True)) == original.token_ids
    reader = GGUFReader(tmp_path / "gguf" / "adapter.gguf")
    assert reader.get_field("general.architecture").contents() == "llama"
    assert [tensor.name for tensor in reader.tensors] == [
        "blk.10.ffn_down.weight.lora_a",
        "blk.10.ffn_down.weight.lora_b",
    ]
    assert ModelCard.load(tmp_path / "merged" / "README.md").data.license == "apache-2.0"
