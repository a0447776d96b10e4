"""Judge a report again from what it holds: the answer, and the passages that were found then. No source is asked."""

from __future__ import annotations

from collections.abc import Sequence

from emendo.verify.calibration import read_counts
from emendo.verify.claims import extract_claims
from emendo.verify.pipeline import decide, versions
from emendo.verify.report import Report
from emendo.verify.source import JUDGES, Judge, open_judge
from emendo.verify.verdict import Verdict


def replay(report: Report, judges: Sequence[Judge] | None = None) -> Report:
    """The report as this version makes it from the same answer and passages; a claim that was not there then has none.

    Judges that are not repeatable are not asked again: what they said is kept.
    """
    if judges is None:
        known = [open_judge(name) for name in report.versions if name in JUDGES.names()]
        judges = [judge for judge in known if judge.is_repeatable]
    counts, held = read_counts(), {verdict.claim: verdict for verdict in report.verdicts}
    names = {judge.name for judge in judges}
    verdicts = []
    for claim in extract_claims(report.question, report.answer):
        kept = held.get(claim)
        if claim.reason is not None:
            verdicts.append(Verdict(claim=claim, label="not_checkable", why=claim.reason))
            continue
        passages = kept.passages if kept else ()
        failures = [failure for failure in (kept.failures if kept else ()) if failure.name not in names]
        given = [opinion for opinion in (kept.opinions if kept else ()) if opinion.judge not in names]
        verdicts.append(decide(claim, passages, failures, judges, counts, given))
    sources = {
        name: told for name, told in report.versions.items() if name not in names and name not in ("emendo", "calibration")
    }
    return Report(
        question=report.question,
        answer=report.answer,
        verdicts=tuple(verdicts),
        versions={**versions([], judges), **sources},
    )


def differences(before: Report, after: Report) -> list[str]:
    """What came out differently, one sentence a claim; empty where nothing did."""
    now = {verdict.claim.text: verdict.label for verdict in after.verdicts}
    then = {verdict.claim.text: verdict.label for verdict in before.verdicts}
    return [
        f"“{text}” was {then.get(text, 'no claim')} and is {now.get(text, 'no claim')}"
        for text in dict.fromkeys((*then, *now))
        if then.get(text) != now.get(text)
    ]
