"""The edit that would mend the weights behind a refuted claim: its subject, what comes before the value, and what is right."""

from __future__ import annotations

import shlex

from emendo.errors import InvalidRequest
from emendo.facts import EditRequest, Fact
from emendo.verify.relations import RELATIONS
from emendo.verify.verdict import Verdict


def repair_of(verdict: Verdict) -> EditRequest | None:
    """The request to say what the evidence says; None where the claim is not refuted or nothing tells what is right."""
    if verdict.label != "refuted" or verdict.correction is None or not verdict.claim.statements:
        return None
    deciding = next(opinion for opinion in verdict.opinions if opinion.correction == verdict.correction.text)
    statement = verdict.claim.statements[deciding.reading]
    return EditRequest(
        fact=_fact(verdict.claim.text, statement.subject, statement.value, RELATIONS[statement.relation].label),
        target_new=verdict.correction.text,
        source=verdict.passages[deciding.passage].locator,
    )


def command_of(request: EditRequest) -> str:
    """The command that makes the edit, quoted for a shell."""
    words = ["emendo", "edit", request.fact.marked, request.target_new]
    if request.source:
        words += ["--source", request.source]
    return shlex.join(words)


def _fact(text: str, subject: str, value: str, label: str) -> Fact:
    """The claim up to its value where its subject stands before it, and else a sentence with the relation's label."""
    before = text[: text.rfind(value)].rstrip()
    try:
        return Fact.around(before, subject)
    except InvalidRequest:
        return Fact(subject=subject, prompt=f"The {label} of {{}} is")
