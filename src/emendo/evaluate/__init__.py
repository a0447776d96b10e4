"""Measure a model before and after an edit, with uncertainty."""

from emendo.evaluate.cases import BENCHMARKS, Asked, Case, CaseSet, Neighbour, load_cases
from emendo.evaluate.corrections import corrections
from emendo.evaluate.measuring import ANSWERING
from emendo.evaluate.metrics import Figure
from emendo.evaluate.report import Report
from emendo.evaluate.runner import evaluate

__all__ = [
    "ANSWERING",
    "BENCHMARKS",
    "Asked",
    "Case",
    "CaseSet",
    "Figure",
    "Neighbour",
    "Report",
    "corrections",
    "evaluate",
    "load_cases",
]
