"""Split an answer into claims, and judge each against independent evidence; the model that gave the answer is never asked."""

from emendo.verify.claims import Claim, extract_claims
from emendo.verify.evidence import Passage, Record, Value
from emendo.verify.pipeline import iter_verdicts, verify_answer
from emendo.verify.report import Report
from emendo.verify.source import (
    JUDGES,
    SOURCES,
    Judge,
    Source,
    open_judge,
    open_source,
    read_judge,
    read_judges,
    read_source,
)
from emendo.verify.verdict import LABELS, Correction, Failure, Opinion, Verdict

__all__ = [
    "JUDGES",
    "LABELS",
    "SOURCES",
    "Claim",
    "Correction",
    "Failure",
    "Judge",
    "Opinion",
    "Passage",
    "Record",
    "Report",
    "Source",
    "Value",
    "Verdict",
    "extract_claims",
    "iter_verdicts",
    "open_judge",
    "open_source",
    "read_judge",
    "read_judges",
    "read_source",
    "verify_answer",
]
