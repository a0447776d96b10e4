"""What is thought of a claim: opinions of judges on passages, and the verdict that they amount to.

There are five verdicts and never two. `not_enough_evidence`, `not_checkable` and `check_failed` never count as support.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from emendo.verify.claims import Claim
from emendo.verify.evidence import Passage

Label = Literal["supported", "refuted", "not_enough_evidence", "not_checkable", "check_failed"]
LABELS: tuple[Label, ...] = ("supported", "refuted", "not_enough_evidence", "not_checkable", "check_failed")


@dataclass(frozen=True, kw_only=True)
class Opinion:
    """What a judge makes of a claim in the light of one passage; a judge that is out of its depth has none.

    Attributes:
        judge: Name of the judge.
        label: "supported" or "refuted".
        tier: How it was found out; its confidence is calibrated by tier.
        why: In words.
        reading: Which of the claim's readings is meant, from 0.
        correction: The value that the evidence holds, where it refutes.
        passage: Which of the verdict's passages, from 0.
    """

    judge: str
    label: Literal["supported", "refuted"]
    tier: str
    why: str
    reading: int = 0
    correction: str | None = None
    passage: int = 0


@dataclass(frozen=True, kw_only=True)
class Correction:
    """What would be right.

    Attributes:
        text: In the place of what is wrong.
        span: Where in the answer the wrong value stands; None where it is not written there.
    """

    text: str
    span: tuple[int, int] | None


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A source or judge that could not do its work."""

    name: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a claim comes to.

    Attributes:
        claim: The claim.
        label: One of five.
        why: In words.
        confidence: How often such a verdict is right, measured; None where nothing is decided.
        correction: What would be right, for a refuted claim where the evidence tells.
        passages: Everything that was found, whether or not it decided.
        opinions: What the judges made of it.
        failures: Sources and judges that failed.
        as_of: When the newest evidence is from that decided, where the value may change; None where it may not, or nobody says.
        entries: Numbers of the ledger's entries that made the model say so on purpose.
    """

    claim: Claim
    label: Label
    why: str
    confidence: float | None = None
    correction: Correction | None = None
    passages: tuple[Passage, ...] = ()
    opinions: tuple[Opinion, ...] = ()
    failures: tuple[Failure, ...] = ()
    as_of: str | None = None
    entries: tuple[int, ...] = ()
