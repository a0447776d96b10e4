"""Audit a checkpoint: compare, find, name, ask, and say whether a record explains it.

Everything rests on the files of suspect and base, and on a ledger; nothing of what makes edits is used here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from emendo.audit.behaviour import Told, ask_both, wear
from emendo.audit.checkpoint import checkpoint_digest
from emendo.audit.classes import EDITED, EDITS, Calibration, Judgement, judge, likeliness, shipped_calibration, suspicion
from emendo.audit.compare import Comparison, compare
from emendo.audit.finding import Finding, finding_of
from emendo.audit.findings import find, tied
from emendo.audit.formats import Checkpoint
from emendo.audit.passport import Passport, declared_passport, ledger_passport
from emendo.audit.rearranged import Rearranged
from emendo.audit.subjects import Suspected, merged
from emendo.models import EditableModel

Verdict = Literal["clean", "explained", "edited", "inconclusive"]
Progress = Callable[[str, int, int], None]
_MOST_ASKED = 5
_COMPARED = 300


@dataclass(frozen=True, kw_only=True, eq=False)
class AuditReport:
    """What an audit found.

    Attributes:
        suspect: Name of the suspect.
        base: Name of the base.
        comparison: Tensor by tensor.
        judgement: The class, with evidence.
        findings: Of the changed matrices, the likeliest edit first.
        subjects: Names that stand out, each with the tensors that answer to it.
        told: What the suspect says about them that the base does not, beside the base.
        passports: Records that were checked.
        candidates: How many names were tried.
        seconds: It took.
    """

    suspect: str
    base: str
    comparison: Comparison
    judgement: Judgement
    findings: tuple[Finding, ...]
    subjects: dict[str, tuple[str, ...]]
    told: tuple[Told, ...]
    passports: tuple[Passport, ...]
    candidates: int
    seconds: float

    @property
    def verdict(self) -> Verdict:
        """In a word: "edited" means by nobody who says so."""
        if self.judgement.kind == "untouched":
            return "clean"
        if any(passport.holds for passport in self.passports):
            return "explained"
        if self.judgement.kind in EDITS:
            return "edited"
        is_doubtful = self.judgement.kind == "unknown" or self.judgement.edit_probability > 1 - EDITED
        is_doubtful |= bool(self.comparison.arrangements)
        contradicted = any(passport.contradicted for passport in self.passports)
        return "inconclusive" if is_doubtful or contradicted else "clean"


def audit_checkpoint(
    suspect: Checkpoint,
    base: Checkpoint,
    *,
    model: Callable[[], EditableModel] | None,
    subjects: Sequence[str] = (),
    ledger: Path | None = None,
    calibration: Calibration | None = None,
    progress: Progress | None = None,
) -> AuditReport:
    """The audit of a suspect against its base.

    Args:
        suspect: What may have been changed.
        base: What it claims to be.
        model: Loads the base, if it comes to that; None leaves out what only a running model shows.
        subjects: Candidates for whose fact was changed.
        ledger: Folder of the base's history; that in the data folder unless given.
        calibration: The shipped one unless given.
        progress: Called with a stage, how much is done, and of how much.
    """
    started = time.perf_counter()
    calibration = calibration or shipped_calibration()
    comparison = compare(base, suspect, progress=progress)
    aligned = Rearranged(suspect, comparison.arrangements)
    changed = comparison.of("changed")
    findings: list[Finding] = []
    together: tuple[Suspected, ...] = ()
    named: dict[str, tuple[str, ...]] = {}
    told: list[Told] = []
    loaded = model() if model is not None and changed else None
    passports = _passports(suspect, base, comparison, loaded, ledger) if comparison.changes else ()
    declared = [r.fact.subject for passport in passports if passport.holds for r in passport.requests]
    if declared:
        # It is known whose facts they are: of the other names, enough to see by how far these stand out.
        subjects = merged(declared, subjects[:: max(1, len(subjects) // _COMPARED)])
    if loaded is None:
        findings = [finding_of(change) for change in changed if change.spectrum is not None]
    else:
        (found,) = find(loaded, [changed], subjects, progress=progress)
        findings, together = list(found.findings), found.together
        findings.sort(key=lambda finding: suspicion(finding, calibration), reverse=True)
    judgement = judge(comparison, findings, calibration)
    if loaded is not None and (declared or judgement.kind in EDITS):
        names = [change.name for change in changed]
        named = dict.fromkeys(declared, ()) or _named(findings, together, calibration)
        wear(loaded, aligned, names)
        try:
            named = tied(loaded, changed, named, subjects)
        finally:
            wear(loaded, base, names)
        asked = ask_both(loaded, base, aligned, names, list(named)[:_MOST_ASKED], progress=progress)
        told = [both for both in asked if both.differs]
    return AuditReport(
        suspect=suspect.name,
        base=base.name,
        comparison=comparison,
        judgement=judgement,
        findings=tuple(findings),
        subjects=named,
        told=tuple(told),
        passports=passports,
        candidates=0 if loaded is None else len(subjects),
        seconds=time.perf_counter() - started,
    )


def _passports(
    suspect: Checkpoint, base: Checkpoint, comparison: Comparison, loaded: EditableModel | None, ledger: Path | None
) -> tuple[Passport, ...]:
    """What records say: the passport beside the suspect, and the history of the base."""
    # A loaded model knows which of its tensors are tied and stored once.
    digest = checkpoint_digest(comparison.base_digests.items()) if loaded is None else loaded.digest
    records = (declared_passport(suspect, comparison), ledger_passport(ledger, digest, base, comparison))
    return tuple(record for record in records if record is not None)


def _named(
    findings: Sequence[Finding], together: Sequence[Suspected], calibration: Calibration
) -> dict[str, tuple[str, ...]]:
    """The names that stand out in edit-like matrices, each with its tensors, after the first of all these matrices together."""
    likely = [finding for finding in findings if likeliness(finding, calibration) >= 0.5 and finding.suspected]
    # A gate knows its subject better than the down-projection behind it, which `together` is about.
    by_gate = any(finding.written for finding in likely)
    first = (not by_gate and together[:1]) or [name for finding in likely[:1] for name in finding.suspected[:1]]
    out = [(s.deviations, s.subject, finding.name) for finding in likely for s in finding.suspected if s.stands_out]
    named: dict[str, tuple[str, ...]] = {
        name.subject: tuple(f.name for f in likely if f.suspected[0].subject == name.subject) for name in first
    }
    for _, subject, tensor in sorted(out, reverse=True):
        named[subject] = tuple(dict.fromkeys((*named.get(subject, ()), tensor)))
    return named
