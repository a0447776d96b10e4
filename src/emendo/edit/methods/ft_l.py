"""FT-L: fine-tuning of one matrix under a bound (Zhu et al. 2020, as the baseline of Meng et al. 2022).

    D = argmin  mean over target tokens tᵢ of −log p_{W + D}(tᵢ | prompt),      |Dᵢⱼ| ≤ ε

As published, every target token is predicted from the last token of the prompt and none is conditioned on the target tokens
before it, so of a target of several tokens FT-L learns a mixture of them in one place, and says it badly. It is here as it was
published; `ft_m` is the honest baseline. ε = 5e-4 is the published value for GPT-2 XL (5e-5 for GPT-J), and bounds each edit by
itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from emendo.edit.fine_tuning import FineTuneSettings, dense_changes, fine_tune
from emendo.edit.job import Groups, Held, Job, Solution
from emendo.facts import EditRequest

LAYERS = "late"
STATISTICS = None
SUMMARY = "fine-tuning of one matrix within a bound, as first published; a weak baseline"


@dataclass(frozen=True, kw_only=True)
class Config(FineTuneSettings):
    """The published settings.

    Attributes:
        bound: ε, the most that an entry of the matrix may change.
        goal_loss: A batch takes no more steps below this loss.
    """

    bound: float = 5e-4
    goal_loss: float = 0.01


def compute_solutions(job: Job, groups: Groups, config: Config) -> list[Solution]:
    """A solution for each group."""
    return fine_tune(
        job,
        groups,
        config,
        lambda _: dense_changes(job.model, config.layers),
        lambda reading: float(reading.loss.detach()) < config.goal_loss,
        is_conditioned=False,
        bound=config.bound,
    )


def recall(job: Job, requests: Sequence[EditRequest], config: Config) -> list[Held]:
    """Nothing: fine-tuning does not look at earlier edits."""
    return []
