"""Hidden units that stand elsewhere are put back before anything is compared; what was changed besides is then seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from suspects import Make, rank_one, rearrange
from torch import Tensor

from emendo.audit import audit_checkpoint, revert
from emendo.audit.checkpoint import open_checkpoint
from emendo.audit.classes import judge, shipped_calibration
from emendo.audit.compare import Comparison, compare
from emendo.models import EditableModel

BLOCK = "model.layers.2.mlp"
DOWN = f"{BLOCK}.down_proj.weight"
ALL = {f"{BLOCK}.{name}_proj.weight" for name in ("gate", "up", "down")}
WAYS: dict[str, dict[str, Any]] = {
    "another order": {},
    "a few of them": {"moved": 5},
    "two of them": {"moved": 2},
    "of another length": {"moved": 0, "scale": 2.0},
    "both": {"scale": 2.0},
}


def compared(base: Path, suspect: Path) -> Comparison:
    return compare(open_checkpoint(str(base)), open_checkpoint(str(suspect)))


@pytest.mark.parametrize("way", WAYS)
def test_units_that_only_stand_elsewhere_are_told(way: str, base_folder: Path, suspect_folder: Make) -> None:
    comparison = compared(base_folder, suspect_folder(lambda tensors: rearrange(tensors, BLOCK, **WAYS[way])))
    assert {change.kind for change in comparison.changes} == {"rearranged"}
    assert set(comparison.arrangements) == {change.name for change in comparison.changes} >= {DOWN}
    judgement = judge(comparison, [], shipped_calibration())
    # It may compute the same, and is no accident: neither clean nor an edit.
    assert (judgement.kind, judgement.edit_probability) == ("unknown", 0.0)
    assert BLOCK in judgement.evidence[0]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", [0.02, 0.3, 1.5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_an_edit_behind_it_is_seen_as_it_is(
    way: str, size: float, dtype: torch.dtype, base_folder: Path, suspect_folder: Make
) -> None:
    def change(tensors: dict[str, Tensor]) -> None:
        rank_one(tensors, DOWN, size)
        rearrange(tensors, BLOCK, **WAYS[way])
        for name in tensors:
            tensors[name] = tensors[name].to(dtype)

    comparison = compared(base_folder, suspect_folder(change))
    (edited,) = comparison.of("changed")
    assert edited.name == DOWN
    assert edited.spectrum is not None
    assert edited.spectrum.rank == 1
    assert edited.relative_norm == pytest.approx(size, rel=0.02)


def test_a_block_that_was_only_edited_is_left_as_it_stands(base_folder: Path, suspect_folder: Make) -> None:
    def change(tensors: dict[str, Tensor]) -> None:
        for seed, name in enumerate(sorted(ALL)):
            rank_one(tensors, name, size=1.5, seed=seed)

    comparison = compared(base_folder, suspect_folder(change))
    assert not comparison.arrangements
    assert {change.name for change in comparison.of("changed")} == ALL


def test_matrices_of_their_own_are_not_taken_for_rearranged(base_folder: Path, suspect_folder: Make) -> None:
    def change(tensors: dict[str, Tensor]) -> None:
        for name in ALL:
            tensors[name] = torch.randn(tensors[name].shape, generator=torch.Generator().manual_seed(1))

    assert not compared(base_folder, suspect_folder(change)).arrangements


def test_an_audit_sees_through_it_and_takes_all_of_it_back(
    base_folder: Path, base_model: EditableModel, suspect_folder: Make, tmp_path: Path
) -> None:
    def change(tensors: dict[str, Tensor]) -> None:
        rank_one(tensors, DOWN)
        rearrange(tensors, BLOCK)

    base, suspect = open_checkpoint(str(base_folder)), open_checkpoint(str(suspect_folder(change)))
    plain = open_checkpoint(str(suspect_folder(lambda tensors: rank_one(tensors, DOWN), name="plain")))
    names = ["Ann", "Bob", "Carl", "Dora"]
    (finding,) = audit_checkpoint(suspect, base, model=lambda: base_model, subjects=names).findings
    (expected,) = audit_checkpoint(plain, base, model=lambda: base_model, subjects=names).findings
    assert finding.energy == pytest.approx(expected.energy, rel=1e-3)
    assert finding.prominence == pytest.approx(expected.prominence, rel=1e-2)
    assert set(revert(suspect, base, compare(base, suspect), tmp_path / "back")) == ALL
    assert not compare(base, open_checkpoint(str(tmp_path / "back"))).changes
