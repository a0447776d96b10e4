"""Tell what an edit did to the truth of an answer, by the reports on the original and on the edited model's answer.

    true_untouched      supported, and the original says the same
    true_by_edit        supported, and the original says something else
    false_by_edit       refuted, and the original says something else: the entry that taught it is named, or that none explains it
    false_natively      refuted, and the original says the same
    undecided           neither supported nor refuted

Claims are matched by subject and relation, and by their words where they were not read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from emendo.verify.claims import Claim
from emendo.verify.names import fold
from emendo.verify.report import Report
from emendo.verify.verdict import Verdict

Effect = Literal["true_untouched", "true_by_edit", "false_by_edit", "false_natively", "undecided"]
EFFECTS: tuple[Effect, ...] = ("true_untouched", "true_by_edit", "false_by_edit", "false_natively", "undecided")


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A claim of the edited model beside what the original says.

    Attributes:
        verdict: On the edited model's claim.
        original: The verdict on the original's claim about the same; None where it says nothing of it.
        effect: What the edit did.
        explanation: For what is false by edit, the entry that taught it or that none explains it; else empty.
    """

    verdict: Verdict
    original: Verdict | None
    effect: Effect
    explanation: str = ""


def compare_reports(original: Report, edited: Report) -> list[Compared]:
    """Each checkable claim of the edited answer with what the edit did to it."""
    before = {_slot(verdict.claim): verdict for verdict in reversed(original.verdicts) if verdict.label != "not_checkable"}
    compared = []
    for verdict in edited.verdicts:
        if verdict.label == "not_checkable":
            continue
        other = before.get(_slot(verdict.claim))
        is_same = other is not None and _said(other.claim) == _said(verdict.claim)
        effect: Effect = "undecided"
        if verdict.label == "supported":
            effect = "true_untouched" if is_same else "true_by_edit"
        elif verdict.label == "refuted":
            effect = "false_natively" if is_same else "false_by_edit"
        explanation = ""
        if effect == "false_by_edit":
            numbers = ", ".join(map(str, verdict.entries))
            explanation = f"edited on purpose: entry {numbers}" if numbers else "no entry explains this"
        compared.append(Compared(verdict=verdict, original=other, effect=effect, explanation=explanation))
    return compared


def _slot(claim: Claim) -> tuple[str, ...]:
    if not claim.statements:
        return (fold(claim.text),)
    first = claim.statements[0]
    return (first.relation, fold(first.subject))


def _said(claim: Claim) -> tuple[str, bool]:
    if not claim.statements:
        return fold(claim.text), False
    return fold(claim.statements[0].value), claim.statements[0].is_negated
