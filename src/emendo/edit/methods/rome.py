"""Rank-One Model Editing (Meng et al. 2022), equations 2 and 4.

    Δ = δ (C⁻¹ k)ᵀ / (kᵀ C⁻¹ k)

k is the mean key of the subject over the bare prompt and sampled prefixes of it. The published code divides by the bare prompt's
key instead of the same mean, which breaks models now and then (r-ROME, Gupta et al. 2024); `keys="published"` does so too.
Several requests at once are solved together, which is EMMET without slack: G = (Kᵀ C⁻¹ K)⁻¹ Kᵀ C⁻¹.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from emendo.edit.closed_form import ClosedForm
from emendo.edit.job import Groups, Held, Job, Solution
from emendo.edit.keys_values import keys_at_subject
from emendo.edit.settings import SearchSettings
from emendo.edit.spreading import last_places, search_figures
from emendo.facts import EditRequest
from emendo.models import Site, SiteDelta, WeightDelta

LAYERS = "one"
STATISTICS = "key"
SUMMARY = "one rank-one update of one layer; published and consistent keys"


@dataclass(frozen=True, kw_only=True)
class Config(SearchSettings):
    """The paper's settings.

    Attributes:
        keys: "consistent" uses one and the same key throughout, "published" divides by the bare prompt's.
    """

    keys: Literal["consistent", "published"] = "consistent"


def compute_solutions(job: Job, groups: Groups, config: Config) -> list[Solution]:
    """A solution for each group."""
    (layer,) = config.layers
    units = job.units(groups, config)
    found = job.search(Site("value", layer), units, config)
    prior = job.history.prior(layer, job.moments[layer], lambda m: ClosedForm.of_moment(m.matrix))
    means = torch.stack([f.keys.mean(dim=1) for f in found], dim=1).cpu()
    prompts = [unit.contexts[0] for unit in units]
    bare = last_places(prompts, keys_at_subject(job.model, layer, prompts))
    solutions = []
    for group in range(len(groups)):
        members = [i for i, unit in enumerate(units) if unit.group == group]
        directions = prior.directions(means[:, members], 0.0)
        if config.keys == "published":
            directions = torch.linalg.solve(directions @ bare[:, members], directions)
        change = SiteDelta(
            site=job.model.down_projection(layer),
            output_factor=torch.stack([found[i].delta for i in members], dim=1).cpu(),
            input_factor=directions.T.contiguous(),
        )
        solutions.append(Solution(delta=WeightDelta(changes=(change,)), figures=search_figures([found[i] for i in members])))
    return solutions


def recall(job: Job, requests: Sequence[EditRequest], config: Config) -> list[Held]:
    """Nothing: ROME does not look at earlier edits."""
    return []
