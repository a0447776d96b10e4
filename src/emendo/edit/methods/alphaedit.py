"""AlphaEdit (Fang et al. 2024): MEMIT inside the null space of what the model is used for.

    Δ = R Kᵀ P (K₀ K₀ᵀ P + K Kᵀ P + λI)⁻¹

P projects on the eigenvectors of C that carry little of its trace, K₀ are the keys of all earlier edits. The published threshold
on eigenvalues (0.02) changes its meaning with the scale of C; here P is chosen by share of the trace.
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
SUMMARY = "edits inside the null space of the second moment, earlier ones held"


@dataclass(frozen=True, kw_only=True)
class Config(SearchSettings):
    """The paper's settings.

    Attributes:
        share: Of the trace of C that the null space may carry.
        penalty: λ, on the size of the change.
    """

    prefixes: tuple[int, ...] = (10,) * 5
    steps: int = 25
    learning_rate: float = 0.1
    clamp: float = 0.75
    share: float = 0.02
    penalty: float = 10.0


def compute_solutions(job: Job, groups: Groups, config: Config) -> list[Solution]:
    """A solution for each group."""
    return spread(
        job,
        groups,
        config,
        lambda m: ClosedForm.of_null_space(m.matrix, share=config.share, weight=config.penalty),
        slack=1.0,
        has_history=True,
    )


def recall(job: Job, requests: Sequence[EditRequest], config: Config) -> list[Held]:
    """The mean keys of earlier requests."""
    return recalled(job, requests, config, slack=1.0)
