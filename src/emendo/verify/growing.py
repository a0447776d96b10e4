"""Verdicts on an answer that is still being written: each claim is judged once, as soon as the sentence after it has begun.

A sentence has ended when a word of the next one stands there in full: before that, "St." may yet become "St. Louis". What was
judged on the way is taken over into the report, which is the same as that on the whole answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from emendo.verify.atoms import split_atoms
from emendo.verify.claims import Claim, extract_claims
from emendo.verify.pipeline import MOST_CHARACTERS, check_length, judge_claim, versions
from emendo.verify.report import Report
from emendo.verify.source import Judge, Source
from emendo.verify.verdict import Verdict


class GrowingAnswer:
    """An answer and its verdicts so far.

    Args:
        question: What was asked.
        sources: Where to look.
        judges: Who decides.
        timeout: Seconds after which a source counts as failed.
    """

    def __init__(self, question: str, *, sources: Sequence[Source], judges: Sequence[Judge], timeout: float = 20.0) -> None:
        self._question, self._sources, self._judges, self._timeout = question, sources, judges, timeout
        self._judged: dict[Claim, Verdict] = {}
        self._told: set[Claim] = set()

    def take(self, text: str) -> list[Verdict]:
        """The verdicts on the claims that have ended since the last time; `text` is all there is so far."""
        if len(self._question) + len(text) > MOST_CHARACTERS:
            return []
        ended = text[: _ended(text)]
        return self._new([self._judge(claim) for claim in extract_claims(self._question, ended)])

    def finish(self, text: str) -> tuple[Report, list[Verdict]]:
        """The report on the whole answer, and those of its verdicts that were not told before.

        Raises:
            InvalidRequest: The answer is too long.
        """
        check_length(self._question, text)
        verdicts = tuple(self._judge(claim) for claim in extract_claims(self._question, text))
        report = Report(
            question=self._question, answer=text, verdicts=verdicts, versions=versions(self._sources, self._judges)
        )
        return report, self._new(verdicts)

    def _judge(self, claim: Claim) -> Verdict:
        if claim not in self._judged:
            self._judged[claim] = judge_claim(claim, sources=self._sources, judges=self._judges, timeout=self._timeout)
        return self._judged[claim]

    def _new(self, verdicts: Sequence[Verdict]) -> list[Verdict]:
        """Those that were not told before, and are from now on."""
        new = [verdict for verdict in verdicts if verdict.claim not in self._told]
        self._told.update(verdict.claim for verdict in new)
        return new


def _ended(text: str) -> int:
    """Up to where the pieces of a text are complete."""
    words = text[: max(text.rfind(" "), text.rfind("\n")) + 1]
    starts = [atom.words.span() for atom in split_atoms(words)]
    last = starts[-1] if starts else None
    return last[0] if last is not None else 0
