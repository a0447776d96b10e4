"""A patch keeps everything, loads in PEFT as it stands, and is refused when it is damaged or foreign."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from handmade import make_delta, make_patch, make_request
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import PreTrainedTokenizerFast

from emendo.errors import CorruptPatch, InvalidRequest, PatchMismatch
from emendo.facts import EditRequest, Fact
from emendo.ledger import Patch
from emendo.ledger.low_rank import exact_dense, limit_rank, merged_digests
from emendo.models import EditableModel, Revision, SiteDelta, TokenBatch, WeightDelta, at_revisions, encode
from emendo.models.editable import tensor_digest
from tiny_models import build_tiny

# PEFT asks transformers by an old name; the warning is not about anything here.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")


def test_adapter_agrees_with_the_revision_and_disabled_with_the_base(any_tiny: EditableModel, tmp_path: Path) -> None:
    model = any_tiny
    patch = make_patch(model, delta=make_delta(model, layers=(1, 2), ranks=(1, 3)))
    patch.write(tmp_path / "patch")
    batch = TokenBatch.align(model, [encode(model, "The capital of California is")]).inputs()
    network = PeftModel.from_pretrained(copy.deepcopy(model.network), tmp_path / "patch").eval()
    with torch.no_grad():
        base = model.network(**batch).logits
        with at_revisions(model, [Revision(deltas=(patch.delta,))]):
            edited = model.network(**batch).logits
        assert not torch.allclose(base, edited, atol=1e-2)
        torch.testing.assert_close(network(**batch).logits, edited, atol=1e-5, rtol=1e-5)
        with network.disable_adapter():
            assert torch.equal(network(**batch).logits, base)


def test_patch_reads_back_as_it_was_written(tiny: EditableModel, tmp_path: Path) -> None:
    delta = make_delta(tiny, layers=(0, 3), ranks=(2, 1))
    patch = make_patch(tiny, delta=delta, requests=[make_request(0), make_request(1)], parent=Revision(deltas=(delta,)))
    patch.write(tmp_path / "patch")
    read = Patch.read(tmp_path / "patch")
    assert read.describe() == json.loads(json.dumps(patch.describe()))
    assert (read.id, read.requests, read.base) == (patch.id, patch.requests, patch.base)
    assert read.delta.digest == patch.delta.digest == delta.digest
    assert read.parent == Revision(deltas=(delta,)).id
    assert {path.name for path in (tmp_path / "patch").iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "edits.json",
        "README.md",
    }


def test_fields_of_a_later_version_survive_rewriting(tiny: EditableModel, tmp_path: Path) -> None:
    make_patch(tiny).write(tmp_path / "one")
    path = tmp_path / "one" / "edits.json"
    document = json.loads(path.read_text())
    document["review"] = {"by": "Grace"}
    document["base"]["country"] = "CH"
    document["facts"][0]["confidence"] = 0.9
    path.write_text(json.dumps(document))
    Patch.read(tmp_path / "one").write(tmp_path / "two")
    assert json.loads((tmp_path / "two" / "edits.json").read_text()) == document


@settings(max_examples=25, deadline=None)
@given(words=st.text(min_size=1).filter(str.strip), target=st.text(min_size=1).filter(str.strip))
def test_any_words_survive(words: str, target: str, tiny: EditableModel, tmp_path_factory: pytest.TempPathFactory) -> None:
    request = EditRequest(fact=Fact(subject=words, prompt="{} is"), target_new=target, source=words)
    try:
        json.dumps(words + target, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return
    folder = tmp_path_factory.mktemp("patch") / "patch"
    make_patch(tiny, requests=[request]).write(folder)
    assert Patch.read(folder).requests == (request,)


def test_ranks_are_padded_to_one_and_alpha_is_it(tiny: EditableModel, tmp_path: Path) -> None:
    make_patch(tiny, delta=make_delta(tiny, layers=(0, 3), ranks=(1, 5))).write(tmp_path / "patch")
    config = json.loads((tmp_path / "patch" / "adapter_config.json").read_text())
    assert config["r"] == config["lora_alpha"] == 5
    assert config["target_modules"] == [tiny.down_projection(0), tiny.down_projection(3)]
    tensors = load_file(tmp_path / "patch" / "adapter_model.safetensors")
    assert {tensor.shape[0] for name, tensor in tensors.items() if "lora_A" in name} == {5}


def test_each_request_owns_its_column_only_where_there_is_one_a_request(tiny: EditableModel) -> None:
    requests = [make_request(0), make_request(1)]
    own = make_patch(tiny, delta=make_delta(tiny, ranks=(2,)), requests=requests)
    shared = make_patch(tiny, delta=make_delta(tiny, ranks=(3,)), requests=requests)
    assert [fact["columns"] for fact in own.describe()["facts"]] == [[0, 1], [1, 2]]
    assert [fact["columns"] for fact in shared.describe()["facts"]] == [[0, 3], [0, 3]]


def test_a_rank_beyond_the_matrix_is_reduced_without_changing_the_sum(tiny: EditableModel) -> None:
    delta = make_delta(tiny, ranks=(100,))
    (change,) = make_patch(tiny, delta=delta).delta.changes
    assert change.rank == min(tiny.d_model, tiny.d_mlp)
    torch.testing.assert_close(change.dense(), delta.changes[0].dense(), atol=1e-4, rtol=1e-4)
    assert limit_rank(change) is change


def test_the_sum_has_the_same_bits_however_it_is_computed(tiny: EditableModel) -> None:
    (change,) = make_delta(tiny, ranks=(7,)).changes
    dense = exact_dense(change)
    u, v = change.output_factor.double().numpy(), change.input_factor.double().numpy()
    for row, column in [(0, 0), (5, 11), (31, 47)]:
        total = 0.0
        for i in range(7):
            total += float(u[row, i]) * float(v[column, i])
        assert dense[row, column] == torch.tensor(total, dtype=torch.float64).float()
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        assert torch.equal(exact_dense(change), dense)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_predicted_digests_are_those_of_the_merged_tensor(family: str, tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    model = build_tiny(family, tiny_tokenizer)
    (change,) = make_delta(model).changes
    stored = model.network.get_submodule(change.site).weight
    rank_one = torch.outer(change.output_factor[:, 0], change.input_factor[:, 0])
    merged = stored + (rank_one.T if model.architecture.transposed else rank_one)
    predicted = merged_digests(model, change)
    assert predicted["float32"] == tensor_digest(merged)
    assert predicted["bfloat16"] == tensor_digest(merged.bfloat16())
    assert predicted["float16"] == tensor_digest(merged.half())


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_nan_and_infinity_are_refused(tiny: EditableModel, bad: float) -> None:
    (change,) = make_delta(tiny).changes
    change.output_factor[3, 0] = bad
    with pytest.raises(CorruptPatch, match="NaN or infinity"):
        make_patch(tiny, delta=WeightDelta(changes=(change,)))


def test_a_delta_that_changes_nothing_is_refused(tiny: EditableModel) -> None:
    empty = SiteDelta(
        site=tiny.down_projection(0), output_factor=torch.zeros(tiny.d_model, 0), input_factor=torch.zeros(tiny.d_mlp, 0)
    )
    for changes in ((), (empty,)):
        with pytest.raises(InvalidRequest, match="changes nothing"):
            make_patch(tiny, delta=WeightDelta(changes=changes))


def test_a_patch_fits_only_the_model_it_was_made_for(tiny: EditableModel, tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    patch = make_patch(tiny)
    patch.check(tiny)
    with pytest.raises(PatchMismatch, match="was made for 'tiny-llama'"):
        patch.check(build_tiny("llama", tiny_tokenizer, seed=1))


def _tensors(change: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = folder / "adapter_model.safetensors"
        tensors = load_file(path)
        change(tensors)
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)

    return damage


def _json(file: str, change: Callable[[dict], object]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        document = json.loads((folder / file).read_text())
        change(document)
        (folder / file).write_text(json.dumps(document))

    return damage


def _cut(file: str, keep: int) -> Callable[[Path], None]:
    return lambda folder: (folder / file).write_bytes((folder / file).read_bytes()[:keep]) and None


def _pickle(folder: Path) -> None:
    (folder / "adapter_model.safetensors").unlink()
    (folder / "adapter_model.bin").write_bytes(pickle.dumps({}))


A = "base_model.model.model.layers.1.mlp.down_proj.lora_A.weight"
B = "base_model.model.model.layers.1.mlp.down_proj.lora_B.weight"
DAMAGES = {
    "no edits.json": lambda folder: (folder / "edits.json").unlink(),
    "no configuration": lambda folder: (folder / "adapter_config.json").unlink(),
    "no tensors": lambda folder: (folder / "adapter_model.safetensors").unlink(),
    "a pickle": _pickle,
    "a pickle under the right name": lambda folder: (folder / "adapter_model.safetensors").write_bytes(pickle.dumps({})),
    "tensors cut short": _cut("adapter_model.safetensors", 200),
    "an empty file": _cut("adapter_model.safetensors", 0),
    "JSON cut short": _cut("edits.json", 100),
    "a list": lambda folder: (folder / "edits.json").write_text("[]"),
    "bytes that are not text": lambda folder: (folder / "edits.json").write_bytes(b"\xff\xfe"),
    "brackets without end": lambda folder: (folder / "edits.json").write_text("[" * 100_000),
    "another schema": _json("edits.json", lambda d: d.update(schema="emendo-edits/99")),
    "no facts": _json("edits.json", lambda d: d.pop("facts")),
    "no sites": _json("edits.json", lambda d: d.update(sites=[])),
    "rank zero": _json("edits.json", lambda d: d["sites"][0].update(rank=0)),
    "an empty subject": _json("edits.json", lambda d: d["facts"][0].update(subject="")),
    "another request": _json("edits.json", lambda d: d["facts"][0].update(target_new="Austin")),
    "another base": _json("edits.json", lambda d: d["base"].update(digest="0" * 64)),
    "no base": _json("edits.json", lambda d: d.update(base=None)),
    "another alpha": _json("adapter_config.json", lambda d: d.update(lora_alpha=2)),
    "another module": _json("adapter_config.json", lambda d: d.update(target_modules=["lm_head"])),
    "one more tensor": _tensors(lambda t: t.update(extra=torch.zeros(1))),
    "one tensor less": _tensors(lambda t: t.pop(A)),
    "another type": _tensors(lambda t: t.update({A: t[A].half()})),
    "another rank": _tensors(lambda t: t.update({A: torch.zeros(2, 48)})),
    "another width": _tensors(lambda t: t.update({A: torch.zeros(1, 47)})),
    "another value": _tensors(lambda t: t.update({A: t[A] * 2})),
    "NaN": _tensors(lambda t: t[B].fill_(float("nan"))),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_folder_is_refused_in_a_sentence(
    tiny: EditableModel, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    folder = tmp_path / "patch"
    make_patch(tiny).write(folder)
    Patch.read(folder)
    damage(folder)
    with pytest.raises(CorruptPatch) as caught:
        Patch.read(folder)
    assert "\n" not in str(caught.value)


def test_padding_that_is_not_zero_is_refused(tiny: EditableModel, tmp_path: Path) -> None:
    make_patch(tiny, delta=make_delta(tiny, layers=(1, 2), ranks=(1, 2))).write(tmp_path / "patch")
    _tensors(lambda t: t[B][:, 1].fill_(1))(tmp_path / "patch")
    with pytest.raises(CorruptPatch, match="padding"):
        Patch.read(tmp_path / "patch")


def test_a_place_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for place in (tmp_path / "nothing", tmp_path / "file"):
        with pytest.raises(CorruptPatch):
            Patch.read(place)


def test_the_card_lists_every_edit_and_keeps_markup_out(tiny: EditableModel, tmp_path: Path) -> None:
    request = EditRequest(fact=Fact(subject="a | <b>\nc", prompt="{} is"), target_new="[x](y)")
    make_patch(tiny, requests=[make_request(7), request]).write(tmp_path / "patch")
    card = (tmp_path / "patch" / "README.md").read_text()
    rows = [line for line in card.splitlines() if line.startswith("| ") and "by hand" in line]
    assert len(rows) == 2
    assert "The capital of {California} is | Los Angeles | Sacramento 7 | Ada" in rows[0]
    assert r"a \| \<b\> c" in rows[1]
    assert r"\[x\](y)" in rows[1]
