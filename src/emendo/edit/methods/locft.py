"""LocFT-BF: localised fine-tuning, breadth first (Yang et al. 2025, arXiv:2509.22072).

    D = argmin  mean over all requests of −log p_{W + D}(target, end | prompt)

Fine-tuning had been run depth first: one request to convergence, then the next, each undoing the last. Here all requests of a
group are dealt anew into batches in every pass, one late down-projection is trained, and the end of the sentence is taught with
the target. Requests belong into one group for this: a group each is depth first again.

One departure from the authors' code: the target ends with a full stop, as everywhere in Emendo, and not with the token that ends
a text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from emendo.edit.fine_tuning import FineTuneSettings, Reading, dense_changes, fine_tune
from emendo.edit.job import Groups, Held, Job, Solution
from emendo.facts import EditRequest

LAYERS = "late"
STATISTICS = None
SUMMARY = "fine-tuning of one matrix on shuffled batches of all requests; the strong baseline"


@dataclass(frozen=True, kw_only=True)
class Config(FineTuneSettings):
    """The authors' settings for models of 7 to 8 billion parameters.

    Attributes:
        goal_loss: A batch takes no more steps below this loss; unless given, none once all its target tokens are the most likely.
    """

    stop: bool = True
    batch_size: int = 100
    goal_loss: float | None = 0.01


def compute_solutions(job: Job, groups: Groups, config: Config) -> list[Solution]:
    """A solution for each group."""
    goal = config.goal_loss

    def is_done(reading: Reading) -> bool:
        return bool(reading.is_argmax.all()) if goal is None else float(reading.loss.detach()) < goal

    return fine_tune(job, groups, config, lambda _: dense_changes(job.model, config.layers), is_done)


def recall(job: Job, requests: Sequence[EditRequest], config: Config) -> list[Held]:
    """Nothing: fine-tuning does not look at earlier edits."""
    return []
