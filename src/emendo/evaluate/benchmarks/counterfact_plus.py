"""CounterFact+ (Hoelscher-Obermaier et al. 2023): CounterFact with the edited fact itself before every neighbour.

An edit that is triggered by its own words rather than by its subject shows here: "Porsche 911, created by Honda. Porsche 550,
developed by" should still be followed by "Porsche".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from emendo.evaluate.benchmarks import counterfact
from emendo.evaluate.cases import Case

VERSION = "1"
LICENSE = "MIT"
SUMMARY = "CounterFact with the edited fact before every neighbour (Hoelscher-Obermaier et al. 2023)"
DATA = counterfact.DATA
HUB = counterfact.HUB


def read_cases(path: Path) -> Iterator[Case]:
    """The cases of a file of CounterFact, in either schema; nothing further is asked of them.

    Raises:
        InvalidRequest: It is not a JSON list of cases.
    """
    return (_with_fact_before(case) for case in counterfact.read_cases(path))


def _with_fact_before(case: Case) -> Case:
    told = f"{case.request.fact.text} {case.request.target_new}."
    neighbours = tuple(replace(neighbour, prompt=f"{told} {neighbour.prompt}") for neighbour in case.neighbours)
    return replace(case, neighbours=neighbours, asked=(), references=())
