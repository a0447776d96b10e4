"""The user's own ledger: what the model was made to say on purpose.

An entry is no evidence of the truth. Where a claim says what an entry taught, the verdict names the entry beside what the evidence
says. The entries are plain values that the caller reads from the ledger; nothing here opens one.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from emendo.errors import InvalidRequest
from emendo.verify.claims import Claim
from emendo.verify.evidence import Passage
from emendo.verify.names import fold


@dataclass(frozen=True, kw_only=True)
class Remembered:
    """An edit that is in force.

    Attributes:
        number: Of the ledger's entry.
        subject: Whom it is about.
        prompt: The text before the object, with the subject in place: "The capital of California is".
        target: What the model was made to say.
        when: ISO 8601.
        who: Who asked for it.
        why: The reason given.
        source: Where the target came from; None where nobody says.
    """

    number: int
    subject: str
    prompt: str
    target: str
    when: str = ""
    who: str = ""
    why: str = ""
    source: str | None = None


@dataclass(frozen=True, kw_only=True)
class Config:
    """The edits in force.

    Attributes:
        edits: In any order.
    """

    edits: tuple[Remembered, ...] = ()

    @classmethod
    def of(cls, argument: str) -> Config:
        """Refuses: entries come from a ledger, by the command that opens it."""
        raise InvalidRequest("The source 'memory' is read from the model's ledger; give --ledger or --model instead.")


def version(config: Config) -> str:
    """A digest of the edits."""
    told = json.dumps([asdict(edit) for edit in config.edits], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def search(claim: Claim, limit: int, config: Config) -> list[Passage]:
    """The edits that taught what a claim says: same subject, the target in it, and a word of what was asked."""
    return [_passage(edit) for edit in config.edits if _taught(claim, edit)][:limit]


def _taught(claim: Claim, edit: Remembered) -> bool:
    said = f" {fold(claim.text)} "
    subject, target = fold(edit.subject), fold(edit.target)
    if not target or f" {subject} " not in said or f" {target} " not in said:
        return False
    asked = {word for word in fold(edit.prompt).split() if len(word) > 3} - set(subject.split())
    return not asked or bool(asked & set(said.split()))


def _passage(edit: Remembered) -> Passage:
    reason = f" because {edit.why}" if edit.why else ""
    source = f", from {edit.source}" if edit.source else ""
    return Passage(
        source="memory",
        origin="ledger",
        locator=f"entry {edit.number}",
        text=f"Edited on purpose by {edit.who or 'somebody'}{reason}: {edit.prompt} → {edit.target}{source}.",
        date=edit.when[:10] or None,
        entry=edit.number,
    )
