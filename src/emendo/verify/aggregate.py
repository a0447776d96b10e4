"""From opinions to a verdict: by independent origin, with disagreement shown and not averaged away.

An origin counts once, however often its words are copied. What may change is held against evidence of its time. A subject's
namesakes are judged apart: a claim is refuted if it holds of none of them and the best known one excludes it, and supported if it
holds of the best known one or of one nearly as well known. A claim with several readings is decided if its likeliest one is
supported, or if all that evidence can decide agree. Nothing that failed, and nothing that was not checked, is support.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from emendo.verify.calibration import confidence
from emendo.verify.claims import Claim
from emendo.verify.evidence import Passage, Record
from emendo.verify.statements import Statement
from emendo.verify.validity import as_of, in_time
from emendo.verify.verdict import Correction, Failure, Opinion, Verdict

# A namesake with fewer than this share of the best known one's inhabitants is not meant.
_KNOWN_AS_WELL = 0.1


def verdict_of(
    claim: Claim,
    passages: Sequence[Passage],
    opinions: Sequence[Opinion],
    failures: Sequence[Failure],
    counts: Mapping[str, tuple[int, int]],
) -> Verdict:
    """The verdict on a checkable claim."""
    entries = tuple(sorted({p.entry for p in passages if p.entry is not None}))
    open_verdict = Verdict(
        claim=claim,
        label="not_enough_evidence",
        why="no evidence was found",
        passages=tuple(passages),
        opinions=tuple(opinions),
        failures=tuple(failures),
        entries=entries,
    )
    opinions = in_time(claim, passages, opinions)
    statements = claim.statements or (None,)
    readings = [
        _of_reading(passages, [opinion for opinion in opinions if opinion.reading == at], statement)
        for at, statement in enumerate(statements)
    ]
    # What holds of the likeliest reading is what was meant.
    if readings[0].label == "supported":
        readings = readings[:1]
    decided = [reading for reading in readings if reading.label is not None]
    labels = {reading.label for reading in decided}
    if len(labels) == 1 and not any(reading.is_disputed for reading in readings):
        first = decided[0]
        label = first.label
        assert label is not None
        deciding = first.deciding
        at = deciding[0].reading
        return replace(
            open_verdict,
            label=label,
            why=deciding[0].why,
            as_of=as_of(claim, passages, deciding),
            confidence=confidence((opinion.tier for opinion in deciding), counts),
            correction=_correction(claim, deciding, at) if label == "refuted" else None,
        )
    if labels or any(reading.is_disputed for reading in readings):
        told = [o.why for reading in readings for o in reading.deciding] or [o.why for o in opinions]
        return replace(open_verdict, why=f"the evidence disagrees: {'; '.join(dict.fromkeys(told))}")
    if failures:
        why = "; ".join(f"{failure.name}: {failure.why}" for failure in failures)
        return replace(open_verdict, label="check_failed", why=why)
    if any(reading.is_minor for reading in readings):
        return replace(open_verdict, why="it holds only of a lesser namesake")
    if any(passage.entry is None for passage in passages):
        return replace(open_verdict, why="what was found does not decide it")
    return open_verdict


class _Reading:
    """What the evidence comes to for one reading.

    Attributes:
        label: "supported", "refuted" or None.
        deciding: One opinion of each independent origin that decided it.
        is_disputed: Whether origins disagree about the same subject.
        is_minor: Whether it holds only of a lesser namesake.
    """

    def __init__(self) -> None:
        self.label: Literal["supported", "refuted"] | None = None
        self.deciding: list[Opinion] = []
        self.is_disputed = False
        self.is_minor = False


def _of_reading(passages: Sequence[Passage], opinions: Sequence[Opinion], statement: Statement | None) -> _Reading:
    reading = _Reading()
    rows = [p.record for p in passages if p.record is not None and statement is not None and _is_about(p.record, statement)]
    most = max((row.prominence for row in rows), default=1.0)
    by_entity: dict[str, list[Opinion]] = defaultdict(list)
    for opinion in opinions:
        record = passages[opinion.passage].record
        by_entity[record.entity if record else ""].append(opinion)
    if not by_entity:
        return reading
    supporting = [own for own in by_entity.values() if {o.label for o in own} == {"supported"}]
    refuting = [own for own in by_entity.values() if {o.label for o in own} == {"refuted"}]
    reading.is_disputed = len(supporting) + len(refuting) < len(by_entity)
    if reading.is_disputed:
        return reading
    # Free text names no entity: it agrees or disagrees with all of them.
    words = by_entity.get("", [])
    if words and supporting and refuting:
        reading.is_disputed = True
        return reading
    if supporting:
        known = [own for own in supporting if _prominence(passages, own) >= _KNOWN_AS_WELL * most]
        if not known:
            reading.is_minor = True
            return reading
        reading.label, reading.deciding = "supported", _independent(passages, [o for own in known for o in own])
    elif all(row.entity in by_entity for row in rows if row.prominence >= _KNOWN_AS_WELL * most):
        # The best known subject is corrected first.
        refuting.sort(key=lambda own: -_prominence(passages, own))
        reading.label = "refuted"
        reading.deciding = _independent(passages, refuting[0])
    return reading


def _is_about(record: Record, statement: Statement) -> bool:
    return record.subject == statement.subject and record.relation == statement.relation


def _prominence(passages: Sequence[Passage], opinions: Sequence[Opinion]) -> float:
    records = [passages[opinion.passage].record for opinion in opinions]
    return max((record.prominence for record in records if record is not None), default=1.0)


def _independent(passages: Sequence[Passage], opinions: Sequence[Opinion]) -> list[Opinion]:
    """The first opinion of each origin; words that are copied are of one origin wherever they stand."""
    found: dict[str, Opinion] = {}
    seen: set[str] = set()
    for opinion in opinions:
        passage = passages[opinion.passage]
        if passage.origin not in found and passage.snapshot not in seen:
            found[passage.origin] = opinion
        seen.add(passage.snapshot)
    return list(found.values())


def _correction(claim: Claim, deciding: Sequence[Opinion], reading: int) -> Correction | None:
    text = next((opinion.correction for opinion in deciding if opinion.correction), None)
    if text is None:
        return None
    return Correction(text=text, span=claim.values[reading] if reading < len(claim.values) else None)
