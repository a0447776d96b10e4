"""The documents of `emendo_capitals.yaml`: each place with its capital and those of its three nearest neighbours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from datasets import Dataset, DatasetDict

from emendo.evaluate.benchmarks import capitals

_WRONG = 3


def documents(**_: Any) -> DatasetDict:
    """A test split with ``prompt``, ``choices`` and ``right``, the number of the true one; choices are sorted."""
    rows = []
    for case in capitals.read_cases(Path(capitals.DATA)):
        true = case.rival
        near = [neighbour.target_true for neighbour in case.neighbours if neighbour.target_true != true]
        choices = sorted({true, *near[:_WRONG]})
        rows.append({"prompt": case.request.fact.text, "choices": choices, "right": choices.index(true)})
    return DatasetDict(test=Dataset.from_list(rows))
