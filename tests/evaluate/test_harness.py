"""Tasks of lm-evaluation-harness on the model at a revision: the same scores as our own sums of log-probabilities give."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from emendo.errors import InvalidRequest
from emendo.evaluate.benchmarks import capitals
from emendo.evaluate.harness import OWN_TASK, TaskScore, task_scores
from emendo.models import ORIGINAL, EditableModel, Revision, TokenBatch, at_revisions, encode
from tiny_models import random_delta

pytest.importorskip("lm_eval", reason="lm-evaluation-harness is not installed")
N = 12


def _own_accuracy(model: EditableModel, revision: Revision) -> float:
    """The share of the first cases whose true capital has the largest log-probability of the four."""
    right = []
    for case in list(capitals.read_cases(Path(capitals.DATA)))[:N]:
        near = [neighbour.target_true for neighbour in case.neighbours if neighbour.target_true != case.rival]
        sums = {}
        for choice in sorted({case.rival, *near[:3]}):
            prompt, whole = (encode(model, text) for text in (case.request.fact.text, f"{case.request.fact.text} {choice}"))
            with torch.no_grad(), at_revisions(model, [revision]):
                log_p = model.head(model.hidden(TokenBatch.align(model, [whole])))[0].log_softmax(dim=-1)
            sums[choice] = sum(float(log_p[at - 1, whole[at]]) for at in range(len(prompt), len(whole)))
        right.append(max(sums, key=lambda choice: sums[choice]) == case.rival)
    return sum(right) / len(right)


def _by_side(scores: list[TaskScore], metric: str) -> dict[str, TaskScore]:
    return {score.side: score for score in scores if score.metric == metric}


def test_the_harness_scores_each_revision_as_we_do(tiny: EditableModel) -> None:
    edited = ORIGINAL.plus(random_delta(tiny, (1,)))
    scores = _by_side(task_scores(tiny, {"original": ORIGINAL, "edited": edited}, [OWN_TASK], limit=N), "acc")
    assert scores["original"].value == pytest.approx(_own_accuracy(tiny, ORIGINAL))
    assert scores["edited"].value == pytest.approx(_own_accuracy(tiny, edited))
    assert scores["original"].n == N
    error = scores["original"].error
    assert error is not None
    assert error == pytest.approx(math.sqrt(scores["original"].value * (1 - scores["original"].value) / (N - 1)))


def test_a_task_that_nobody_knows_is_named(tiny: EditableModel) -> None:
    with pytest.raises(InvalidRequest, match="no task 'no_such_task'"):
        task_scores(tiny, {"original": ORIGINAL}, ["no_such_task"])
