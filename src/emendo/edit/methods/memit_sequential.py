"""MEMIT for edits in sequence (ENCORE, Gupta et al. 2025).

    Δ = R Kᵀ (λC + αI + K₀ K₀ᵀ + K Kᵀ)⁻¹

K₀ are the keys of all earlier edits, which keep their values; α penalises the norm of the update; searches stop early.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from emendo.edit.closed_form import ClosedForm
from emendo.edit.job import Groups, Held, Job, Solution
from emendo.edit.settings import SearchSettings
from emendo.edit.spreading import recalled, spread
from emendo.facts import EditRequest

LAYERS = "range"
STATISTICS = "key"
SUMMARY = "MEMIT that holds earlier edits and bounds the norm"


@dataclass(frozen=True, kw_only=True)
class Config(SearchSettings):
    """The paper's settings.

    Attributes:
        moment_weight: λ, how much the second moment weighs beside the edited keys.
        norm_penalty: α, on the size of the change.
    """

    prefixes: tuple[int, ...] = (10,) * 5
    steps: int = 25
    clamp: float = 0.75
    worst_probability: float = 0.5
    moment_weight: float = 15_000.0
    norm_penalty: float = 20.0


def compute_solutions(job: Job, groups: Groups, config: Config) -> list[Solution]:
    """A solution for each group."""

    return spread(
        job,
        groups,
        config,
        lambda m: ClosedForm.of_moment(m.matrix, weight=config.moment_weight, ridge=config.norm_penalty),
        slack=1.0,
        has_history=True,
    )


def recall(job: Job, requests: Sequence[EditRequest], config: Config) -> list[Held]:
    """The mean keys of earlier requests."""
    return recalled(job, requests, config, slack=1.0)
