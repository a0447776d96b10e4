"""Measure a model before and after an edit, with uncertainty."""

from emendo.evaluate.cases import BENCHMARKS, Asked, Case, CaseSet, Neighbour, load_cases
from emendo.evaluate.corrections import corrections
from emendo.evaluate.measuring import ANSWERING
from emendo.evaluate.metrics import Figure
from emendo.evaluate.report import Report
from emendo.evaluate.runner import Evaluation, Trial, evaluate, evaluate_each

__all__ = [
    "ANSWERING",
    "BENCHMARKS",
    "Asked",
    "Case",
    "CaseSet",
    "Evaluation",
    "Figure",
    "Neighbour",
    "Report",
    "Trial",
    "corrections",
    "evaluate",
    "evaluate_each",
    "load_cases",
]
