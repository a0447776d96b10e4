"""An audit as JSON for machines and as one HTML page that needs nothing else: no scripts, no fonts, no network."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from emendo import __version__
from emendo.audit.audit import AuditReport, Verdict
from emendo.audit.classes import edit_probability, shipped_calibration
from emendo.facts import EditRequest

_SHOWN = 20
HEADLINES: dict[Verdict, str] = {
    "clean": "No edit was found.",
    "explained": "The change is explained by a record.",
    "edited": "Edited, and no record explains it.",
    "inconclusive": "Inconclusive.",
}


def describe(report: AuditReport) -> dict[str, Any]:
    """The audit as JSON values."""
    comparison, judgement = report.comparison, report.judgement
    calibration = shipped_calibration()
    return {
        "emendo": __version__,
        "suspect": report.suspect,
        "base": report.base,
        "verdict": report.verdict,
        "class": judgement.kind,
        "probability": judgement.probability,
        "edit_probability": judgement.edit_probability,
        "evidence": list(judgement.evidence),
        "tensors": comparison.tensors,
        "equal": comparison.equal,
        "changes": [
            {"name": c.name, "kind": c.kind, "recipe": c.recipe, "relative_norm": c.relative_norm, "sha256": c.digest}
            for c in comparison.changes
        ],
        "findings": [
            {**asdict(finding), "edit_probability": edit_probability(finding, calibration)} for finding in report.findings
        ],
        "candidates": report.candidates,
        "subjects": [{"subject": subject, "tensors": list(tensors)} for subject, tensors in report.subjects.items()],
        "told": [asdict(told) for told in report.told],
        "records": [
            {
                "source": passport.source,
                "holds": passport.holds,
                "problem": passport.problem,
                "who": list(passport.who),
                "edits": [marked(request) for request in passport.requests],
                "explained": list(passport.explained),
                "unexplained": list(passport.unexplained),
                "contradicted": list(passport.contradicted),
            }
            for passport in report.passports
        ],
        "seconds": round(report.seconds, 1),
    }


def as_text(report: AuditReport) -> str:
    """The audit as a JSON document."""
    return json.dumps(describe(report), indent=2, ensure_ascii=False) + "\n"


def page(report: AuditReport) -> str:
    """The HTML page; names and answers may hold any text."""
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("emendo.audit", "templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("report.html").render(
        audit=describe(report), headline=HEADLINES[report.verdict], shown=_SHOWN, visible=_visible
    )


def marked(request: EditRequest) -> str:
    """An edit in a line: "The capital of {California} is → Sacramento"."""
    return f"{request.fact.marked} → {request.target_new}"


def _visible(text: str) -> str:
    """A text as it can stand on a page: a model may emit characters that HTML does not allow."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)
