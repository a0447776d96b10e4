"""Run a model at a revision, row by row of a batch.

A revision is the base weights and a tuple of deltas, in order. At each edited site the row's output becomes

    W x + Σ U (Vᵀ x),

added in float32 to the output of the untouched matrix. A row at the original revision is not touched at all, so
original and edited model answer side by side from one copy of the weights, and undoing an edit is exact.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from emendo.models.delta import SiteDelta, WeightDelta
from emendo.models.editable import EditableModel


@dataclass(frozen=True, kw_only=True, eq=False)
class Revision:
    """Deltas in force, in the order in which they were made; none is the original model."""

    deltas: tuple[WeightDelta, ...] = ()

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
            return tuple(
                SiteDelta(
                    site=site,
                    output_factor=torch.cat([c.output_factor for c in changes], dim=1),
                    input_factor=torch.cat([c.input_factor for c in changes], dim=1),
                )
                for site, changes in sites.items()
            )

    def plus(self, delta: WeightDelta) -> Revision:
        """The revision with one more delta."""
        return Revision(deltas=(*self.deltas, delta))


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
        for site in dict.fromkeys(change.site for revision in revisions for change in revision.changes):
            hook = _hook(site, {revision: _at(site, revision) for revision in dict.fromkeys(revisions)}, rows)
            handle = model.network.get_submodule(site).register_forward_hook(hook)
            stack.callback(handle.remove)
        yield rows


def _at(site: str, revision: Revision) -> SiteDelta | None:
    return next((change for change in revision.changes if change.site == site), None)


def _hook(site: str, changes: dict[Revision, SiteDelta | None], rows: Rows) -> Callable[..., Any]:
    def hook(_: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        inputs, count = args[0], len(rows.revisions)
        if count == 1:
            change = changes[rows.revisions[0]]
            return output if change is None else _edited(output, inputs, change)
        # OPT flattens batch and tokens before its MLP; rows are contiguous either way.
        assert inputs.shape[0] % count == 0, f"{inputs.shape[0]} rows at {site} do not split into {count} revisions"
        per_row = inputs.shape[0] // count
        edited = output.clone()
        for revision in dict.fromkeys(rows.revisions):
            change = changes[revision]
            if change is not None:
                own = [i for i, r in enumerate(rows.revisions) if r is revision]
                index = torch.tensor(own, device=inputs.device).repeat_interleave(per_row) * per_row
                index += torch.arange(per_row, device=inputs.device).repeat(len(own))
                edited[index.to(output.device)] = _edited(output[index.to(output.device)], inputs[index], change)
        return edited

    return hook


def _edited(output: Tensor, inputs: Tensor, change: SiteDelta) -> Tensor:
    added = inputs.float()
    for multiplier in change.multipliers:
        added = added @ multiplier.to(inputs.device)
    return (output.float() + added.to(output.device)).to(output.dtype)
