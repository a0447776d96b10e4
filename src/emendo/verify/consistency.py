"""Self-consistency beside evidence: whether a model says the same again when it is asked at random.

    agreement(claim) = answers that say the same of the same subject / answers drawn         (after Manakul et al. 2023)

Self-consistency alone finds no edit, since an edited model is consistently wrong. Beside evidence it tells kinds of falsehoods
apart:

    edit_signature      refuted, the edited model says it again and the original does not
    native_belief       refuted, and both say it again
    slip                refuted, and the edited model itself does not say it again
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from emendo.verify.claims import Claim, extract_claims
from emendo.verify.names import fold
from emendo.verify.statements import Statement
from emendo.verify.verdict import Verdict

Sign = Literal["edit_signature", "native_belief", "slip"]
_AGAIN = 0.5


@dataclass(frozen=True, kw_only=True)
class Consistency:
    """How often a claim of the edited model is said again.

    Attributes:
        edited: Share of the edited model's answers that say it.
        original: Share of the original's.
        samples: Answers drawn from each.
        sign: What the falsehood looks like; None where nothing is refuted.
    """

    edited: float
    original: float
    samples: int
    sign: Sign | None


def consistency(verdict: Verdict, question: str, edited: Sequence[str], original: Sequence[str]) -> Consistency | None:
    """How often both models say a claim again; None where no wording fits it, since other words may say the same.

    Args:
        verdict: On a claim of the edited model.
        question: What both were asked.
        edited: Answers drawn from the edited model.
        original: As many drawn from the original.
    """
    if not verdict.claim.statements or not edited:
        return None
    own, other = (sum(_says(answer, verdict.claim, question) for answer in said) / len(said) for said in (edited, original))
    sign: Sign | None = None
    if verdict.label == "refuted":
        sign = "slip" if own < _AGAIN else "native_belief" if other >= _AGAIN else "edit_signature"
    return Consistency(edited=own, original=other, samples=len(edited), sign=sign)


def _says(answer: str, claim: Claim, question: str) -> bool:
    """Whether an answer says the same of the same subject."""
    meant = {_told(statement) for statement in claim.statements}
    return any(_told(statement) in meant for said in extract_claims(question, answer) for statement in said.statements[:1])


def _told(statement: Statement) -> tuple[str, str, str, bool]:
    return statement.relation, fold(statement.subject), fold(statement.value), statement.is_negated
