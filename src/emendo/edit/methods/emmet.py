"""EMMET, equality-constrained mass editing (Gupta et al. 2024): ROME for many facts at once.

    Δ = R (εI + Kᵀ C⁻¹ K)⁻¹ Kᵀ C⁻¹

at one layer; R leads to a target in the residual stream after it (`spreading` with a range of one).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from emendo.edit.closed_form import ClosedForm
from emendo.edit.job import Groups, Held, Job, Solution
from emendo.edit.settings import SearchSettings
from emendo.edit.spreading import spread
from emendo.facts import EditRequest

LAYERS = "one"
STATISTICS = "key"
SUMMARY = "ROME's equality constraint for many facts at once"


@dataclass(frozen=True, kw_only=True)
class Config(SearchSettings):
    """The paper's settings.

    Attributes:
        slack: ε, how far the edited keys may miss their values.
    """

    prefixes: tuple[int, ...] = (10,) * 5
    slack: float = 0.1


def compute_solutions(job: Job, groups: Groups, config: Config) -> list[Solution]:
    """A solution for each group."""
    return spread(job, groups, config, lambda m: ClosedForm.of_moment(m.matrix), slack=config.slack)


def recall(job: Job, requests: Sequence[EditRequest], config: Config) -> list[Held]:
    """Nothing: EMMET does not look at earlier edits."""
    return []
