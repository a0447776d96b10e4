"""What differs between two checkpoints, and what kind of difference it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gguf
import pytest
import torch
from suspects import Make, prune, rank_one
from torch import Tensor

from emendo.audit.checkpoint import open_checkpoint
from emendo.audit.compare import Comparison, compare
from emendo.audit.rounding import RECIPES, rounding_of
from emendo.audit.spectrum import spectrum_of
from emendo.audit.written_units import STEP, greatest_step

DOWN = "model.layers.2.mlp.down_proj.weight"


def compared(base: Path, suspect: Path) -> Comparison:
    return compare(open_checkpoint(str(base)), open_checkpoint(str(suspect)))


def test_a_copy_has_no_changes(base_folder: Path, suspect_folder: Make) -> None:
    comparison = compared(base_folder, suspect_folder(lambda tensors: None))
    assert comparison.changes == ()
    assert comparison.equal == comparison.tensors > 30


def test_one_changed_matrix_is_found_with_its_rank(base_folder: Path, suspect_folder: Make) -> None:
    comparison = compared(base_folder, suspect_folder(lambda tensors: rank_one(tensors, DOWN)))
    (change,) = comparison.changes
    assert (change.name, change.kind) == (DOWN, "changed")
    assert change.spectrum is not None
    assert change.spectrum.rank == 1
    assert change.relative_norm == pytest.approx(0.3, rel=1e-4)
    assert change.spectrum.top_share == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_rounding_is_repeated_and_explained(recipe: str, base_folder: Path, suspect_folder: Make) -> None:
    def change(tensors: dict[str, Tensor]) -> None:
        for name, tensor in tensors.items():
            if tensor.dim() == 2:
                tensors[name] = RECIPES[recipe](tensor)

    comparison = compared(base_folder, suspect_folder(change))
    assert {c.kind for c in comparison.changes} == {"rounded"}
    assert comparison.recipe == recipe


# Types with a least value for each block do not store a zero as zero.
@pytest.mark.parametrize("recipe", [None, *sorted(RECIPES.keys() - {"Q4_1", "Q5_1"})])
def test_units_that_were_taken_out_are_pruned_however_they_are_stored(
    recipe: str | None, base_folder: Path, suspect_folder: Make
) -> None:
    def change(tensors: dict[str, Tensor]) -> None:
        prune(tensors, "model.layers.2.mlp", [3, 50, 51])
        if recipe:
            tensors.update({name: RECIPES[recipe](tensor) for name, tensor in tensors.items() if tensor.dim() == 2})

    comparison = compared(base_folder, suspect_folder(change))
    assert {c.kind for c in comparison.changes} == {"pruned", *(["rounded"] if recipe else [])}
    assert {c.name.split(".")[-2] for c in comparison.of("pruned")} == {"gate_proj", "up_proj", "down_proj"}


def test_the_smallest_weights_are_pruned_and_a_new_weight_among_them_is_not(base_folder: Path, suspect_folder: Make) -> None:
    def change(tensors: dict[str, Tensor]) -> None:
        weight = tensors[DOWN]
        tensors[DOWN] = torch.where(weight.abs() < weight.abs().median(), 0, weight)

    def change_more(tensors: dict[str, Tensor]) -> None:
        change(tensors)
        rank_one(tensors, DOWN)

    (pruned,) = compared(base_folder, suspect_folder(change)).changes
    assert pruned.kind == "pruned"
    (changed,) = compared(base_folder, suspect_folder(change_more, "more")).changes
    assert changed.kind == "changed"


@pytest.mark.parametrize("recipe", ["Q8_0", "Q4_0", "bfloat16"])
def test_rows_that_rounding_changes_more_are_no_written_ones_where_all_tensors_were_trained(
    recipe: str, suspect_folder: Make
) -> None:
    gate = "model.layers.2.mlp.gate_proj.weight"

    def base(tensors: dict[str, Tensor]) -> None:
        tensors[gate][7] *= 30

    def change(tensors: dict[str, Tensor]) -> None:
        base(tensors)
        generator = torch.Generator().manual_seed(0)
        for name, tensor in tensors.items():
            trained = tensor + 1e-4 * torch.randn(tensor.shape, generator=generator)
            tensors[name] = RECIPES[recipe](trained) if tensor.dim() == 2 else trained

    comparison = compared(suspect_folder(base, "base"), suspect_folder(change))
    assert not comparison.of("rounded")
    (changed,) = (c for c in comparison.changes if c.name == gate)
    assert changed.spectrum is not None
    lengths = changed.spectrum.output_norms
    assert greatest_step(lengths).units == (7,)
    assert greatest_step(lengths, noise=changed.spectrum.row_of_noise).height < STEP < greatest_step(lengths).height


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_a_row_that_was_written_anew_is_no_rounding(recipe: str) -> None:
    """Where the base was rounded before, rounding again leaves it as it is, and one row of thousands is few values."""
    generator = torch.Generator().manual_seed(0)
    base = RECIPES[recipe](torch.randn(1500, 64, generator=generator))
    suspect = base.clone()
    assert rounding_of(base, suspect) is not None
    suspect[700] = torch.randn(64, generator=generator)
    assert rounding_of(base, suspect) is None


def test_an_edit_under_rounding_is_seen_above_its_floor(base_folder: Path, suspect_folder: Make) -> None:
    def change(tensors: dict[str, Tensor]) -> None:
        rank_one(tensors, DOWN)
        for name, tensor in tensors.items():
            tensors[name] = tensor.to(torch.bfloat16)

    comparison = compared(base_folder, suspect_folder(change))
    (edited,) = comparison.of("changed")
    assert edited.name == DOWN
    assert edited.spectrum is not None
    assert edited.spectrum.rank == 1
    assert comparison.recipe == "bfloat16"


def test_tensors_that_only_one_has_or_that_are_shaped_otherwise_are_told(base_folder: Path, suspect_folder: Make) -> None:
    def change(tensors: dict[str, Tensor]) -> None:
        tensors["extra"] = torch.ones(3)
        tensors["copied"] = tensors["model.embed_tokens.weight"].clone()
        del tensors["model.layers.0.mlp.up_proj.weight"]
        tensors[DOWN] = tensors[DOWN][:, :-1]

    kinds = {c.name: c.kind for c in compared(base_folder, suspect_folder(change)).changes}
    assert kinds == {"extra": "added", "model.layers.0.mlp.up_proj.weight": "removed", DOWN: "reshaped"}


def test_a_quantised_gguf_of_the_base_is_only_rounded(base_folder: Path, tmp_path: Path) -> None:
    from test_checkpoints import write_gguf

    path = write_gguf(base_folder, tmp_path / "q.gguf", gguf.GGMLQuantizationType.Q8_0)
    comparison = compared(base_folder, path)
    assert comparison.recipe == "Q8_0"
    assert not comparison.of("changed")


@pytest.mark.parametrize(
    ("make", "rank"),
    [
        (lambda g: torch.randn(96, 3, generator=g) @ torch.randn(3, 200, generator=g), 3),
        (lambda g: torch.randn(96, 200, generator=g), 0),
        (lambda g: torch.randn(96, 200, generator=g) + 40 * torch.outer(torch.randn(96, generator=g), torch.ones(200)), 1),
    ],
)
def test_the_rank_is_what_stands_out_of_noise(make: Callable[[torch.Generator], Tensor], rank: int) -> None:
    difference = make(torch.Generator().manual_seed(1))
    spectrum = spectrum_of(difference, 1.0)
    assert spectrum.rank == rank
    exact = torch.linalg.svdvals(difference)[: max(rank, 1)]
    torch.testing.assert_close(spectrum.values[: max(rank, 1)], exact, rtol=0.02, atol=0)
