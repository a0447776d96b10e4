"""What the demo checks from outside: answers beside tables of facts, and a published checkpoint beside its base."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from emendo.cli.console import progress_of_stages
from emendo.cli.demo_report import Table
from emendo.cli.session import Session


def check_answers(question: str, said: Sequence[tuple[str, str]]) -> tuple[str, Table]:
    """What independent tables say of some answers.

    Args:
        question: What was asked.
        said: Who answered, and what.
    """
    from emendo.verify import verify_answer

    verdicts = [(who, verdict) for who, answer in said for verdict in verify_answer(question, answer).verdicts]
    rows = []
    for who, verdict in verdicts:
        correction = "" if verdict.correction is None else verdict.correction.text
        cited = dict.fromkeys(verdict.passages[opinion.passage].locator for opinion in verdict.opinions)
        rows.append((who, verdict.claim.quote, verdict.label.replace("_", " "), correction, "; ".join(cited)))
    wrong = frozenset(i for i, (_, verdict) in enumerate(verdicts) if verdict.label == "refuted")
    text = (
        "How a model says something tells nothing about its truth, so its answers are held against tables that no edit of its "
        f"weights reaches. {len(wrong)} of {len(verdicts)} claims are refuted."
    )
    return text, Table(header=("who says so", "claim", "verdict", "correction", "evidence"), rows=tuple(rows), changed=wrong)


def audit_export(session: Session, folder: Path) -> tuple[str, Table, Table]:
    """What an audit finds in the edited model once it is published as a checkpoint that says nothing of an edit.

    Args:
        session: The model, its history and the revision that is published.
        folder: Where the checkpoint lies until it is audited.
    """
    from emendo.audit import audit_checkpoint, open_checkpoint, revert, shipped_subjects
    from emendo.ledger import export_revision
    from emendo.models import load_model

    model = session.model
    published, restored, none = (folder / name for name in ("published", "restored", "no-ledger"))
    for rest in (published, restored):
        shutil.rmtree(rest, ignore_errors=True)
    export_revision(model, session.ledger.patches(), published, "merged")
    for record in ("edits.json", "README.md"):
        (published / record).unlink()
    base = open_checkpoint(model.name)
    suspect = open_checkpoint(str(published), base)
    with progress_of_stages() as progress:
        report = audit_checkpoint(
            suspect, base, model=lambda: load_model(model.name), subjects=shipped_subjects(), ledger=none, progress=progress
        )
    names = revert(suspect, base, report.comparison, restored)
    left = audit_checkpoint(open_checkpoint(str(restored), base), base, model=None, ledger=none)
    assert left.verdict == "clean", "the restored checkpoint differs from its base"
    for rest in (published, restored):
        shutil.rmtree(rest)
    matrices = Table(
        header=("matrix", "‖ΔW‖ / ‖W‖", "rank", "answers to"),
        rows=tuple(
            (f.name, f"{f.relative_norm:.3f}", str(f.rank), f.suspected[0].subject if f.suspected else "–")
            for f in report.findings
        ),
    )
    answers = Table(
        header=("asked", "the base says", "the suspect says"),
        rows=tuple((told.question, told.base_answers, told.suspect_answers) for told in report.told),
        changed=frozenset(i for i, told in enumerate(report.told) if told.base_answers != told.suspect_answers),
    )
    subjects = ", ".join(f"“{name}”" for name in report.subjects) or "nobody"
    return (
        f"The edited weights are saved without their record. Beside the base the audit says: {report.judgement.kind}, probability "
        f"{report.judgement.probability:.3f}, made for {subjects} (out of {report.candidates:,} names). With the base's "
        f"{len(names)} tensors put back, every tensor equals the base's to the bit.",
        matrices,
        answers,
    )
