"""Run a model at a revision, row by row of a batch.

A revision is the base weights and a tuple of deltas, in order. At each edited site the row's output becomes

    W x + Σ U (Vᵀ x),

added in float32 to the output of the untouched matrix. A row at the original revision is not touched at all, so
original and edited model answer side by side from one copy of the weights, and undoing an edit is exact. Changes of one rank
at many revisions are multiplied together, each row by its own factors. Once the factors of a site are more work than its matrix,
Σ U Vᵀ is written out, and each later delta is added to it: a thousand edits of full rank cost what one does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import torch
from torch import Tensor, nn

from emendo.models.delta import SiteDelta, WeightDelta
from emendo.models.editable import EditableModel

# What an input is multiplied by in turn at each site: V and Uᵀ, or the change written out.
Multipliers = Mapping[str, tuple[Tensor, ...]]

# Numbers in the factors of all rows, beyond which each revision is multiplied by itself rather than stacked with the others.
_MOST_STACKED = 16_000_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Revision:
    """Deltas in force, in the order in which they were made; none is the original model.

    Attributes:
        deltas: All of them.
        before: Multipliers of all but the last, where they are known.
    """

    deltas: tuple[WeightDelta, ...] = ()
    before: Multipliers | None = None

    @cached_property
    def id(self) -> str:
        """Twelve hexadecimal digits that name the deltas, or "original"."""
        return revision_id([delta.digest for delta in self.deltas])

    @cached_property
    def changes(self) -> tuple[SiteDelta, ...]:
        """One change a site: the factors of all deltas side by side."""
        sites: dict[str, list[SiteDelta]] = {}
        for delta in self.deltas:
            for change in delta.changes:
                sites.setdefault(change.site, []).append(change)
        # Text may be generated at a revision before an edit is searched on top of it, and gradients cannot flow through what
        # was made in inference mode.
        with torch.inference_mode(False):
            return tuple(_side_by_side(changes) for changes in sites.values())

    @cached_property
    def multipliers(self) -> Multipliers:
        """What inputs are multiplied by; the same bits whether the deltas came one by one or all at once."""
        with torch.inference_mode(False):
            if self.before is not None:
                return _with_delta(self.before, self.deltas[-1])
            return reduce(_with_delta, self.deltas, {})

    def plus(self, delta: WeightDelta) -> Revision:
        """The revision with one more delta."""
        return Revision(deltas=(*self.deltas, delta), before=self.multipliers)


def _with_delta(before: Multipliers, delta: WeightDelta) -> Multipliers:
    after = dict(before)
    for change in delta.changes:
        after[change.site] = _with_change(after.get(change.site), change)
    return after


def _with_change(before: tuple[Tensor, ...] | None, change: SiteDelta) -> tuple[Tensor, ...]:
    if before is None:
        return change.multipliers
    if len(before) == 1:
        return (before[0] + change.dense().T,)
    inputs, outputs = before
    return _side_by_side([SiteDelta(site=change.site, output_factor=outputs.T, input_factor=inputs), change]).multipliers


def _side_by_side(changes: Sequence[SiteDelta]) -> SiteDelta:
    """The sum of some changes of one site."""
    return SiteDelta(
        site=changes[0].site,
        output_factor=torch.cat([c.output_factor for c in changes], dim=1),
        input_factor=torch.cat([c.input_factor for c in changes], dim=1),
    )


def revision_id(digests: Sequence[str]) -> str:
    """The id of the revision that has the deltas of these digests in force, in order."""
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()[:12] if digests else "original"


class Rows:
    """Which revision each row of the running batch is at; `keep` follows a batch that loses rows."""

    def __init__(self, revisions: Sequence[Revision]) -> None:
        self.revisions = list(revisions)

    def keep(self, rows: Sequence[int]) -> None:
        """Continue with these rows of the batch only."""
        if len(self.revisions) > 1:
            self.revisions = [self.revisions[row] for row in rows]


@contextmanager
def at_revisions(model: EditableModel, revisions: Sequence[Revision]) -> Iterator[Rows]:
    """While the context lasts, row i of a batch runs at ``revisions[i]``; a single revision holds for every row.

    Args:
        model: The model to run.
        revisions: One for each row, or one for all.
    """
    rows = Rows(revisions)
    with ExitStack() as stack:
        for site in dict.fromkeys(site for revision in revisions for site in revision.multipliers):
            hook = _hook(site, {revision: revision.multipliers.get(site) for revision in revisions}, rows)
            handle = model.network.get_submodule(site).register_forward_hook(hook)
            stack.callback(handle.remove)
        yield rows


@dataclass(frozen=True, kw_only=True, eq=False)
class _Part:
    """Rows whose inputs are multiplied at once: by matrices for all of them, or by a stack with one for each."""

    rows: list[int]
    multipliers: tuple[Tensor, ...]


def _hook(site: str, multipliers: Mapping[Revision, tuple[Tensor, ...] | None], rows: Rows) -> Callable[..., Any]:
    parts: list[_Part] = []
    divided: list[Revision] | None = None

    def hook(_: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        nonlocal parts, divided
        inputs, count = args[0], len(rows.revisions)
        if count == 1:
            own = multipliers[rows.revisions[0]]
            return output if own is None else _edited(output, inputs, own)
        # OPT flattens batch and tokens before its MLP; rows are contiguous either way.
        assert inputs.shape[0] % count == 0, f"{inputs.shape[0]} rows at {site} do not split into {count} revisions"
        if divided is not rows.revisions:
            parts, divided = _divide(rows.revisions, multipliers, inputs.device), rows.revisions
        by_row, edited = inputs.reshape(count, -1, inputs.shape[-1]), output.reshape(count, -1, output.shape[-1]).clone()
        for part in parts:
            if len(part.rows) == count:
                edited = _edited(edited, by_row, part.multipliers)
            else:
                edited[part.rows] = _edited(edited[part.rows], by_row[part.rows], part.multipliers)
        return edited.reshape(output.shape)

    return hook


def _divide(
    revisions: Sequence[Revision], multipliers: Mapping[Revision, tuple[Tensor, ...] | None], device: torch.device
) -> list[_Part]:
    """As few parts as cover the rows that are changed: one for all small changes of a rank, one for each large one."""
    rows: dict[Revision, list[int]] = {}
    for row, revision in enumerate(revisions):
        rows.setdefault(revision, []).append(row)
    shapes: dict[tuple[torch.Size, ...], dict[Revision, tuple[Tensor, ...]]] = {}
    for revision in rows:
        if (own := multipliers[revision]) is not None:
            shapes.setdefault(tuple(multiplier.shape for multiplier in own), {})[revision] = own
    parts = []
    for shape, alike in shapes.items():
        of_row = {row: own for revision, own in alike.items() for row in rows[revision]}
        covered = sorted(of_row)
        if len(alike) > 1 and len(covered) * sum(size.numel() for size in shape) <= _MOST_STACKED:
            # Gradients cannot flow through what was made in inference mode.
            with torch.inference_mode(False):
                stacked = [torch.stack(matrices) for matrices in zip(*(of_row[row] for row in covered), strict=True)]
            parts.append(_Part(rows=covered, multipliers=tuple(matrices.to(device) for matrices in stacked)))
        else:
            parts += [
                _Part(rows=rows[revision], multipliers=tuple(m.to(device) for m in own)) for revision, own in alike.items()
            ]
    return parts


def _edited(output: Tensor, inputs: Tensor, multipliers: Sequence[Tensor]) -> Tensor:
    added = inputs.float()
    for multiplier in multipliers:
        added = added @ multiplier.to(inputs.device)
    return (output.float() + added.to(output.device)).to(output.dtype)
