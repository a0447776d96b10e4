"""When claims and evidence hold: what may change is compared only with evidence of its time.

    a claim "as of 2020"     is decided by evidence of 2020 alone
    a claim of the present   is not refuted by a text that is older than one that supports it

Only relations whose values change are looked at: a birthplace stays what it is. The time of a text is the year it names itself
("as of 2020"), or else the date of its passage; what has no date is taken as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

from emendo.verify.claims import Claim, year_named
from emendo.verify.evidence import Passage
from emendo.verify.relations import RELATIONS
from emendo.verify.verdict import Opinion


def in_time(claim: Claim, passages: Sequence[Passage], opinions: Sequence[Opinion]) -> list[Opinion]:
    """The opinions that rest on evidence of the claim's time."""
    if claim.as_of is not None:
        return [
            opinion
            for opinion in opinions
            if not _changes(claim, opinion) or (time_of(passages[opinion.passage]) or "")[:4] == claim.as_of
        ]
    newest: dict[int, str] = {}
    for opinion in opinions:
        when = time_of(passages[opinion.passage])
        if opinion.label == "supported" and when is not None and _changes(claim, opinion):
            newest[opinion.reading] = max(when, newest.get(opinion.reading, ""))
    return [opinion for opinion in opinions if not _is_outdated(opinion, passages, newest)]


def as_of(claim: Claim, passages: Sequence[Passage], deciding: Sequence[Opinion]) -> str | None:
    """The time of the newest evidence that decided on something that may change; None where nothing may, or nothing is dated."""
    times = [time_of(passages[opinion.passage]) for opinion in deciding if _changes(claim, opinion)]
    return max((when for when in times if when is not None), default=None)


def time_of(passage: Passage) -> str | None:
    """The year that a text names itself, or else its date."""
    return (year_named(passage.text) if passage.record is None else None) or passage.date


def _changes(claim: Claim, opinion: Opinion) -> bool:
    return opinion.reading < len(claim.statements) and RELATIONS[claim.statements[opinion.reading].relation].changes


def _is_outdated(opinion: Opinion, passages: Sequence[Passage], newest: dict[int, str]) -> bool:
    """Whether a text refutes what a newer one supports; tables that disagree are shown, whatever their dates."""
    passage = passages[opinion.passage]
    when, newer = time_of(passage), newest.get(opinion.reading)
    if opinion.label != "refuted" or passage.record is not None or when is None or newer is None:
        return False
    shared = min(len(when), len(newer))
    return when[:shared] < newer[:shared]
