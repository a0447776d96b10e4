"""FT-M: fine-tuning of one matrix on the target alone, the prompt being masked (Zhang et al. 2024, arXiv:2401.01286).

    D = argmin  mean over target tokens tᵢ of −log p_{W + D}(tᵢ | prompt, t₁ … tᵢ₋₁)

The usual teacher-forced cross entropy, without a bound on D.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from emendo.edit.fine_tuning import FineTuneSettings, dense_changes, fine_tune
from emendo.edit.job import Groups, Held, Job, Solution
from emendo.facts import EditRequest

LAYERS = "late"
STATISTICS = None
SUMMARY = "fine-tuning of one matrix on the target; the honest baseline"


@dataclass(frozen=True, kw_only=True)
class Config(FineTuneSettings):
    """The published settings.

    Attributes:
        goal_loss: A batch takes no more steps below this loss.
    """

    goal_loss: float = 0.01


def compute_solutions(job: Job, groups: Groups, config: Config) -> list[Solution]:
    """A solution for each group."""
    return fine_tune(
        job,
        groups,
        config,
        lambda _: dense_changes(job.model, config.layers),
        lambda reading: float(reading.loss.detach()) < config.goal_loss,
    )


def recall(job: Job, requests: Sequence[EditRequest], config: Config) -> list[Held]:
    """Nothing: fine-tuning does not look at earlier edits."""
    return []
