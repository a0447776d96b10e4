"""Mass-Editing Memory in a Transformer (Meng et al. 2023), equation 14.

    Δ = R Kᵀ (λC + K Kᵀ)⁻¹

spread over a range of layers (`spreading`). Earlier edits are not held: what is edited at once is solved at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from emendo.edit.closed_form import ClosedForm
from emendo.edit.job import Groups, Held, Job, Solution
from emendo.edit.settings import SearchSettings
from emendo.edit.spreading import spread
from emendo.facts import EditRequest

LAYERS = "range"
STATISTICS = "key"
SUMMARY = "many facts at once, spread over a range of layers"


@dataclass(frozen=True, kw_only=True)
class Config(SearchSettings):
    """The paper's settings, as for GPT-J.

    Attributes:
        moment_weight: λ, how much the second moment weighs beside the edited keys.
    """

    prefixes: tuple[int, ...] = (10,) * 5
    steps: int = 25
    clamp: float = 0.75
    moment_weight: float = 15_000.0


def compute_solutions(job: Job, groups: Groups, config: Config) -> list[Solution]:
    """A solution for each group."""
    return spread(job, groups, config, lambda m: ClosedForm.of_moment(m.matrix, weight=config.moment_weight), slack=1.0)


def recall(job: Job, requests: Sequence[EditRequest], config: Config) -> list[Held]:
    """Nothing: MEMIT does not look at earlier edits."""
    return []
