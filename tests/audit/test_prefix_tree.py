"""Texts that are read as trees give what they give one by one, and a token that they share is read once."""

from __future__ import annotations

import pytest
import torch
from test_findings import NAMES, OTHERS
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from emendo.audit import inputs
from emendo.audit.inputs import read_inputs, reads_alike, subject_inputs
from emendo.audit.prefix_tree import TreeBatch, trees
from emendo.models import EditableModel, TokenBatch, encode
from tiny_models import build_tiny


def test_a_tree_holds_every_text_once_and_a_shared_beginning_once() -> None:
    rows = [[1, 2, 3], [1, 2], [4], [1, 2, 3, 5], [1, 2]]
    (tree,) = trees(rows)
    assert sorted(tree.texts) == [0, 1, 2, 3, 4]
    assert len(tree.tokens) == 5
    for text, end in zip(tree.texts, tree.ends, strict=True):
        path = torch.nonzero(tree.sees[end])[:, 0].tolist()
        assert [tree.tokens[node] for node in path] == rows[text]
        assert [tree.depths[node] for node in path] == list(range(len(path)))


def test_many_texts_are_spread_over_trees_of_bounded_size() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(0, 4, (400, 6), generator=generator).tolist()
    found = list(trees(rows))
    assert sorted(text for tree in found for text in tree.texts) == list(range(400))
    assert max(len(tree.tokens) for tree in found) <= 128
    assert sum(len(tree.tokens) for tree in found) < 400 * 6 / 2
    (longest,) = trees([list(range(300))])
    assert len(longest.tokens) == 300


# Those of the last three see 6 tokens back at most, fewer than some names have.
@pytest.mark.parametrize(
    ("model_type", "is_read_in_trees"),
    [
        ("llama", True),
        ("gpt2", True),
        ("opt", True),
        ("gpt_neox", True),
        ("gptj", True),
        ("gpt_neo", False),
        ("gemma3_text", False),
        ("mistral", False),
    ],
)
def test_names_are_read_as_single_texts_are_whatever_the_family(
    model_type: str, is_read_in_trees: bool, tiny_tokenizer: PreTrainedTokenizerFast
) -> None:
    model = build_tiny(model_type, tiny_tokenizer)
    names = [*NAMES, *OTHERS]
    directions = {site: torch.eye(model.weight(site).shape[1]) for site in map(model.down_projection, (1, 3))}
    rows = [encode(model, f"The {name}") for name in names]
    assert reads_alike(model, rows, list(directions)) == is_read_in_trees
    read = subject_inputs(model, names, directions, template="The {}")
    for i in range(0, len(names), 7):
        for site, seen in read_inputs(model, TokenBatch.align(model, [rows[i]]), list(directions)):
            torch.testing.assert_close(read[site][0][i], seen[0, -1], rtol=1e-4, atol=1e-5)


def test_a_model_that_does_not_keep_to_the_mask_is_read_text_by_text(
    base_model: EditableModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = base_model.down_projection(2)
    directions = {site: torch.eye(base_model.d_mlp)}
    expected = subject_inputs(base_model, [*NAMES, *OTHERS], directions, template="The {}")
    whole = TreeBatch.inputs

    def careless(batch: TreeBatch) -> dict[str, Tensor]:
        return {**whole(batch), "position_ids": torch.arange(batch.input_ids.shape[1]).expand(batch.input_ids.shape)}

    monkeypatch.setattr(TreeBatch, "inputs", careless)
    rows = [encode(base_model, f"The {name}") for name in NAMES]
    assert not reads_alike(base_model, rows, [site])
    read = subject_inputs(base_model, [*NAMES, *OTHERS], directions, template="The {}")
    torch.testing.assert_close(read[site][0], expected[site][0], rtol=1e-4, atol=1e-5)


def test_names_are_read_with_fewer_tokens_than_they_have(base_model: EditableModel, monkeypatch: pytest.MonkeyPatch) -> None:
    places = 0
    read = inputs.read_inputs

    def counting(model: EditableModel, batch: TokenBatch | TreeBatch, *rest: object, **more: object) -> object:
        nonlocal places
        places += batch.input_ids.numel()
        return read(model, batch, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(inputs, "read_inputs", counting)
    names = [f"{first} {second}" for first in NAMES for second in OTHERS]
    subject_inputs(base_model, names, {base_model.down_projection(2): torch.eye(base_model.d_mlp)}, template="The {}")
    assert places < 0.6 * sum(len(encode(base_model, f"The {name}")) for name in names)
