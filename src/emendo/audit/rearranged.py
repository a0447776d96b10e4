"""Hidden units in another order or of another length: other matrices that compute the same, behind which a change can hide.

    W_down P S⁻¹,      S Pᵀ W_up,      Pᵀ W_gate

for any permutation P, and any scales S where no nonlinearity stands between. Entry by entry such a block differs everywhere. So the
rows or columns that are not like the base's are looked for among each other, and what is found in one tensor of a block, where
it explains most of the difference, is tried on the others. The comparison then goes on with the units where they were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from emendo.audit.formats import Checkpoint

# A unit whose cosine with itself is below is looked for elsewhere, and found where that with another is above.
_ITSELF, _FOUND = 0.7, 0.9
_PROJECTED = 64
_AT_ONCE = 2048
# Scales that are nearer to one are those of rounding.
_NO_SCALE = 1e-3
# What a rearrangement leaves of the difference that it is to explain.
_MOST_LEFT = 0.5


@dataclass(frozen=True, kw_only=True, eq=False)
class Arrangement:
    """Where the hidden units of a tensor stand.

    Attributes:
        axis: Along which.
        order: Unit i of the base is unit ``order[i]`` of the suspect,
        scales: and there so many times as long.
    """

    axis: int
    order: Int[Tensor, " units"]
    scales: Float[Tensor, " units"]  # in float64

    def undo(self, tensor: Tensor) -> Tensor:
        """The suspect's tensor with its units as the base has them, in the suspect's type."""
        moved = tensor.index_select(self.axis, self.order)
        if bool((self.scales == 1).all()):
            return moved
        shape = [-1 if axis == self.axis else 1 for axis in range(tensor.dim())]
        return (moved.double() / self.scales.view(shape)).to(tensor.dtype)


class Rearranged:
    """A checkpoint whose hidden units stand where the base's do.

    Args:
        suspect: The checkpoint.
        arrangements: By name, of the tensors whose units stand elsewhere in it.
    """

    def __init__(self, suspect: Checkpoint, arrangements: Mapping[str, Arrangement]) -> None:
        self.name: str = suspect.name
        self.path: Path = suspect.path
        self.arrangements = arrangements
        self._suspect = suspect

    def names(self) -> list[str]:
        return self._suspect.names()

    def shape(self, name: str) -> tuple[int, ...]:
        return self._suspect.shape(name)

    def bytes(self, name: str) -> int:
        return self._suspect.bytes(name)

    def tensor(self, name: str) -> Tensor:
        tensor = self._suspect.tensor(name)
        return self.arrangements[name].undo(tensor) if name in self.arrangements else tensor

    def digest(self, name: str) -> str:
        """That of the tensor as it is stored."""
        return self._suspect.digest(name)

    def recipe(self, name: str) -> str:
        return self._suspect.recipe(name)


def rearranged(base: Checkpoint, suspect: Checkpoint, differing: Sequence[str]) -> Rearranged:
    """The suspect with its hidden units where the base has them.

    Args:
        base: The original.
        suspect: What may have been changed.
        differing: Names of the tensors that differ. Only what changes two tensors of a block computes the same.
    """
    blocks: dict[str, list[str]] = {}
    for name in differing:
        if base.shape(name) == suspect.shape(name):
            blocks.setdefault(name.rpartition(".")[0].rpartition(".")[0], []).append(name)
    found: dict[str, Arrangement] = {}
    for names in blocks.values():
        if len(names) > 1:
            found |= _of_block(base, suspect, names)
    return Rearranged(suspect, found)


def _of_block(base: Checkpoint, suspect: Checkpoint, names: Sequence[str]) -> dict[str, Arrangement]:
    own = {name: _own(base.tensor(name), suspect.tensor(name)) for name in names}
    known = {name: arrangement for name, arrangement in own.items() if arrangement is not None}
    # What a tensor tells of itself takes some of its own change for a scale, so those with less left are believed first.
    left = {name: _left(one, base.tensor(name), suspect.tensor(name)) / _norm(base, name) for name, one in known.items()}
    found: dict[str, Arrangement] = {}
    for name in names if known else ():
        old, new = base.tensor(name), suspect.tensor(name)
        others = [one for other, one in known.items() if left[other] < left.get(name, float("inf"))]
        tried = [(_left(there, old, new), there) for one in others for there in _elsewhere(one, old.shape)]
        least, best = min(tried, key=lambda pair: pair[0], default=(float("inf"), None))
        if name in known and left[name] * _norm(base, name) < _MOST_LEFT * least:
            found[name] = known[name]
        elif best is not None and least < float((new.float() - old.float()).norm()):
            found[name] = best
    return found


def _norm(checkpoint: Checkpoint, name: str) -> float:
    return max(1e-30, float(checkpoint.tensor(name).float().norm()))


def _elsewhere(known: Arrangement, shape: Sequence[int]) -> list[Arrangement]:
    """The same units in another tensor: as long as they were, or by as much longer or shorter as here."""
    scales = [torch.ones_like(known.scales), known.scales, 1 / known.scales]
    return [
        Arrangement(axis=axis, order=known.order, scales=scale)
        for axis, size in enumerate(shape)
        if size == len(known.order)
        for scale in (scales if bool((known.scales != 1).any()) else scales[:1])
    ]


def _left(arrangement: Arrangement, old: Tensor, new: Tensor) -> float:
    return float((arrangement.undo(new).float() - old.float()).norm())


def _own(old: Tensor, new: Tensor) -> Arrangement | None:
    """The arrangement that explains most of a difference; None if none does."""
    old, new = old.float(), new.float()
    before = float((new - old).norm())
    for axis in range(old.dim() if old.dim() == 2 else 0):
        rows, others = old.movedim(axis, 0), new.movedim(axis, 0)
        order = _order(rows, others)
        # In float32 an error of the scale would stand out of the rounding as a component.
        along = (others[order].double() * rows).sum(dim=1) / rows.double().square().sum(dim=1).clamp(min=1e-30)
        # A unit that is gone has no length to be taken back.
        is_scaled = ((along - 1).abs() > _NO_SCALE) & (along.abs() > _NO_SCALE)
        plain = Arrangement(axis=axis, order=order, scales=torch.ones_like(along))
        scaled = Arrangement(axis=axis, order=order, scales=torch.where(is_scaled, along, 1.0))
        left, left_scaled = _left(plain, old, new), _left(scaled, old, new)
        if min(left, left_scaled) < _MOST_LEFT * before:
            return scaled if left_scaled < _MOST_LEFT * left else plain
    return None


def _order(old: Float[Tensor, "units width"], new: Float[Tensor, "units width"]) -> Int[Tensor, " units"]:
    """Where each unit went; one that is found nowhere takes a place that is left."""
    order = torch.arange(len(old))
    moved = (torch.cosine_similarity(old, new, dim=1).abs() < _ITSELF).nonzero().flatten()
    if len(moved) < 2:
        return order
    projection = torch.randn(old.shape[1], _PROJECTED, generator=torch.Generator().manual_seed(0))
    here, there = (torch.nn.functional.normalize(rows[moved] @ projection, dim=1) for rows in (old, new))
    best, at = _nearest(here, there)
    is_found = (best > _FOUND) & (_nearest(there, here)[1][at] == torch.arange(len(moved)))
    is_free = torch.ones(len(moved), dtype=torch.bool)
    is_free[at[is_found]] = False
    order[moved[is_found]] = moved[at[is_found]]
    order[moved[~is_found]] = moved[is_free]
    return order


def _nearest(rows: Float[Tensor, "m p"], among: Float[Tensor, "n p"]) -> tuple[Float[Tensor, " m"], Int[Tensor, " m"]]:
    """The greatest absolute cosine of each row with another, and with which."""
    parts = [(rows[start : start + _AT_ONCE] @ among.T).abs().max(dim=1) for start in range(0, len(rows), _AT_ONCE)]
    return torch.cat([part.values for part in parts]), torch.cat([part.indices for part in parts])
