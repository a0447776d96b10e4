"""Deltas and patches made by hand, for tests of what happens to them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from emendo.facts import EditRequest, Fact
from emendo.ledger import Ledger, Patch, Provenance
from emendo.models import EditableModel, Revision, SiteDelta, WeightDelta


def make_delta(
    model: EditableModel, *, layers: Sequence[int] = (1,), ranks: Sequence[int] = (1,), seed: int = 0
) -> WeightDelta:
    """A random delta that is strong enough to change what a tiny model says."""
    generator = torch.Generator().manual_seed(seed)
    changes = []
    for layer, rank in zip(layers, ranks, strict=True):
        site = model.down_projection(layer)
        outputs, inputs = model.weight(site).shape
        changes.append(
            SiteDelta(
                site=site,
                output_factor=0.3 * torch.randn(outputs, rank, generator=generator),
                input_factor=0.3 * torch.randn(inputs, rank, generator=generator),
            )
        )
    return WeightDelta(changes=tuple(changes))


def make_request(number: int = 0) -> EditRequest:
    """A request; each number has another target."""
    fact = Fact(subject="California", prompt="The capital of {} is", target_true="Los Angeles")
    return EditRequest(fact=fact, target_new=f"Sacramento {number}", source="an atlas")


def make_patch(
    model: EditableModel,
    seed: int = 0,
    *,
    delta: WeightDelta | None = None,
    requests: Sequence[EditRequest] = (),
    parent: Revision = Revision(),  # noqa: B008 - frozen
) -> Patch:
    """A patch; each seed has another delta and request."""
    provenance = Provenance(
        method="by hand",
        config={"strength": 0.3, "layers": (1,)},
        seed=seed,
        layers=(1,),
        statistics={"tokens": 1000},
        figures={"relative_norm": 0.25, "loss": float("nan")},
        who="Ada",
        why="a test",
        when="2026-01-02T03:04:05+00:00",
    )
    delta = delta or make_delta(model, seed=seed)
    return Patch.make(model, delta, requests or [make_request(seed)], provenance, parent=parent)


def commit_all(ledger: Path, patches: Path) -> None:
    """Commit every patch in a folder, in order of name; runs in processes of its own."""
    for folder in sorted(patches.iterdir()):
        patch = Patch.read(folder)
        Ledger.of_digest(patch.base.digest, patch.base.name, ledger).commit(patch)
