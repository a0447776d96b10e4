"""LoRA: fine-tuning of two thin factors in every layer (Hu et al. 2021, equation 3, with a scale of 1).

    D_l = U_l V_lᵀ,      U_l = 0 and V_l ~ N(0, 1 / d_mlp) at the start,      of rank r

Hu et al. adapt attention matrices; an edit of Emendo is a change of down-projections, so those are adapted here, and the settings
are Emendo's own: nobody published any for this place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from emendo.edit.fine_tuning import FineTuneSettings, Trained, fine_tune
from emendo.edit.job import Groups, Held, Job, Solution
from emendo.facts import EditRequest
from emendo.models import EditableModel

LAYERS = "all"
STATISTICS = None
SUMMARY = "low-rank fine-tuning of the down-projections of all layers"


@dataclass(frozen=True, kw_only=True)
class Config(FineTuneSettings):
    """Settings of the adapters.

    Attributes:
        rank: r, of the adapters.
        goal_loss: A batch takes no more steps below this loss.
    """

    rank: int = 8
    goal_loss: float = 0.01


def compute_solutions(job: Job, groups: Groups, config: Config) -> list[Solution]:
    """A solution for each group."""
    return fine_tune(
        job,
        groups,
        config,
        lambda generator: [_factors(job.model, layer, config.rank, generator) for layer in config.layers],
        lambda reading: float(reading.loss.detach()) < config.goal_loss,
    )


def recall(job: Job, requests: Sequence[EditRequest], config: Config) -> list[Held]:
    """Nothing: fine-tuning does not look at earlier edits."""
    return []


def _factors(model: EditableModel, layer: int, rank: int, generator: torch.Generator) -> Trained:
    v = torch.randn(model.d_mlp, rank, generator=generator) / model.d_mlp**0.5
    return Trained(
        site=model.down_projection(layer),
        input_factor=v.to(model.device).requires_grad_(),
        output_factor=torch.zeros(model.d_model, rank, device=model.device, requires_grad=True),
    )
