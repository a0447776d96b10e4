"""General ability through lm-evaluation-harness, at any revision; needs ``pip install 'emendo[harness]'``.

The harness gets the model itself, with a revision in force, so any of its tasks measures original and edited model alike. A task
that needs no network ships with Emendo (`tasks`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emendo.errors import InvalidRequest
from emendo.models import EditableModel, Revision, at_revisions

TASKS = Path(__file__).with_name("tasks")
OWN_TASK = "emendo_capitals"


@dataclass(frozen=True, kw_only=True)
class TaskScore:
    """What a task's metric says of a model.

    Attributes:
        task: Its name in the harness.
        metric: Such as "acc".
        side: Which of the revisions.
        value: In the metric's own unit.
        error: Its standard error as the harness estimates it; None where it does not.
        n: Documents.
    """

    task: str
    metric: str
    side: str
    value: float
    error: float | None
    n: int


def task_scores(
    model: EditableModel,
    sides: Mapping[str, Revision],
    tasks: Sequence[str],
    *,
    limit: int | None = None,
    batch_size: int = 16,
    seed: int = 0,
) -> list[TaskScore]:
    """The scores of tasks at some revisions.

    Args:
        model: The model.
        sides: The revisions, by what they are called.
        tasks: Names of the harness's tasks; those of `TASKS` are among them.
        limit: Most documents a task; all unless given.
        batch_size: Rows of a pass.
        seed: Of few-shot examples and everything random.

    Raises:
        InvalidRequest: The harness is not installed, or knows no such task.
    """
    try:
        from lm_eval import simple_evaluate
        from lm_eval.models.huggingface import HFLM
        from lm_eval.tasks import TaskManager
    except ImportError as error:
        raise InvalidRequest(
            "Tasks need lm-evaluation-harness, which is not installed; run pip install 'emendo[harness]'."
        ) from error
    # It warns of what is meant here: a model that is loaded already, and a task that makes its own documents.
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    manager = TaskManager(include_path=str(TASKS))
    unknown = [task for task in tasks if task not in manager.all_tasks]
    if unknown:
        raise InvalidRequest(f"lm-evaluation-harness has no task '{unknown[0]}'; 'lm_eval ls tasks' lists them.")
    found = []
    for side, revision in sides.items():
        harnessed = HFLM(
            pretrained=model.network, tokenizer=model.tokenizer, batch_size=batch_size, max_length=model.context_length
        )
        with at_revisions(model, [revision]):
            results = simple_evaluate(
                harnessed,
                tasks=list(tasks),
                limit=limit,
                task_manager=manager,
                log_samples=False,
                bootstrap_iters=1000,
                random_seed=seed,
                numpy_random_seed=seed,
                torch_random_seed=seed,
                fewshot_random_seed=seed,
            )
        found += [score for task, figures in results["results"].items() for score in _scores(task, side, figures)]
    return found


def _scores(task: str, side: str, figures: Mapping[str, Any]) -> list[TaskScore]:
    """The metrics of a task; the harness names them "acc,none", and their errors "acc_stderr,none"."""
    scores = []
    for name, value in figures.items():
        metric, _, chosen = name.partition(",")
        if not chosen or metric.endswith("_stderr") or not isinstance(value, int | float):
            continue
        error = figures.get(f"{metric}_stderr,{chosen}")
        scores.append(
            TaskScore(
                task=task,
                metric=metric if chosen == "none" else f"{metric} ({chosen})",
                side=side,
                value=float(value),
                error=float(error) if isinstance(error, int | float) else None,
                n=int(figures.get("sample_len", 0)),
            )
        )
    return scores
