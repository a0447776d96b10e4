"""A model whose weights do not all lie in memory, spread by accelerate: everything is computed as on the whole one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from emendo.edit import METHODS, Edit, Editor
from emendo.errors import ModelUnavailable
from emendo.facts import EditRequest, Fact
from emendo.locate import trace_fact
from emendo.models import ORIGINAL, EditableModel, Revision, check_equality, encode, generate, load_model, loading
from tiny_models import build_tiny, random_delta

REQUEST = EditRequest(fact=Fact(subject="France", prompt="The capital of {} is"), target_new="Los Angeles")
SETTINGS = {
    "rome": {"layers": (2,), "steps": 3, "formats": ("completion",)},
    "two_layer": {"layers": (1, 2), "steps": 3, "clamp": 0.5, "formats": ("completion", "chat")},
    "ft_m": {"layers": (2,), "epochs": 2},
}


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def pair(
    request: pytest.FixtureRequest, tiny_tokenizer, tmp_path_factory: pytest.TempPathFactory
) -> tuple[EditableModel, EditableModel]:
    """A model as a whole, and with its embedding, two of its blocks and its norm on disk."""
    built = build_tiny(request.param, tiny_tokenizer)
    folder = tmp_path_factory.mktemp("split") / request.param
    built.network.save_pretrained(folder)
    tiny_tokenizer.save_pretrained(folder)
    blocks, norm = built.architecture.blocks, built.architecture.final_norm
    others = [path for path, _ in built.network.base_model.named_children() if path != blocks.rpartition(".")[2]]
    base = blocks.rpartition(".")[0]
    places = {f"{base}.{path}": "cpu" for path in others} | {f"{blocks}.{layer}": "cpu" for layer in range(built.n_layers)}
    places |= {f"{blocks}.1": "disk", f"{blocks}.2": "disk", str(norm): "disk", "lm_head": "cpu"}
    return load_model(str(folder), device="cpu"), load_model(str(folder), device=places)


def test_the_model_is_really_split_and_is_the_same(pair: tuple[EditableModel, EditableModel]) -> None:
    whole, split = pair
    assert {parameter.is_meta for parameter in split.network.parameters()} == {True, False}
    assert split.digest == whole.digest
    assert (split.d_model, split.d_mlp) == (whole.d_model, whole.d_mlp)
    assert torch.equal(split.weight(split.down_projection(1)), whole.weight(whole.down_projection(1)))
    assert check_equality(split).resumed_holds
    assert check_equality(split).cached_holds


def test_it_answers_at_a_revision_as_the_whole_one_does(pair: tuple[EditableModel, EditableModel]) -> None:
    prompts = [encode(pair[0], text) for text in ("The capital of France is", "Who wrote it?", "Austin")]
    revisions = [ORIGINAL, Revision(deltas=(random_delta(pair[0], (1, 3)),)), ORIGINAL]
    whole, split = (generate(model, prompts, revisions, max_new_tokens=12) for model in pair)
    assert split == whole


@pytest.mark.parametrize("method", SETTINGS)
def test_its_edits_are_those_of_the_whole_one(
    pair: tuple[EditableModel, EditableModel], method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is split is not handed to the matrix units.
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    config = METHODS.get(method).Config(**SETTINGS[method])
    edits = []
    for number, model in enumerate(pair):
        (edit,) = Editor(model, method=method, config=config, home=tmp_path / str(number)).compute([[REQUEST]])
        assert isinstance(edit, Edit)
        edits.append(edit)
    assert edits[0].delta.digest == edits[1].delta.digest


def test_its_traces_are_those_of_the_whole_one(pair: tuple[EditableModel, EditableModel]) -> None:
    whole, split = (trace_fact(model, REQUEST.fact, noise_samples=2) for model in pair)
    assert split.to_dict() == whole.to_dict()


def test_every_tensor_can_be_read_as_an_export_does(pair: tuple[EditableModel, EditableModel]) -> None:
    whole, split = pair
    assert all(torch.equal(split.tensor(name), whole.tensor(name)) for name in whole.network.state_dict())


def test_without_accelerate_a_sentence_says_what_is_missing(
    pair: tuple[EditableModel, EditableModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "find_spec", lambda name: None)
    with pytest.raises(ModelUnavailable, match="needs the package accelerate"):
        load_model(str(pair[0].folder), device="auto")
