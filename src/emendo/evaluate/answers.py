"""What the model said about each case, without its edit and with it: the report keeps only the values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emendo.evaluate.cases import Case, CaseSet
from emendo.evaluate.measuring import CaseResult
from emendo.evaluate.observation import Answer, Observation


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One prompt, and what the model said without and with the edit.

    Attributes:
        prompt: As it was put.
        before: The answer of the original model.
        after: The answer with the edit.
    """

    prompt: str
    before: Answer
    after: Answer


@dataclass(frozen=True, kw_only=True)
class AnsweredCase:
    """A case and what was said about it.

    Attributes:
        id: Of the case.
        target_new: What was taught.
        rival: What it was compared with.
        refused: Why the guard refused the edit, if it did.
        exchanges: The prompt itself, then the question in chat.
    """

    id: str
    target_new: str
    rival: str
    refused: str | None
    exchanges: tuple[Exchange, ...]


def answered(cases: CaseSet, results: Sequence[CaseResult], unedited: Mapping[str, Observation]) -> tuple[AnsweredCase, ...]:
    """What was said, case by case.

    Args:
        cases: What was measured.
        results: What was seen of each case with its edit.
        unedited: What was seen of the original model, by case.
    """
    by_id = {case.id: case for case in cases.cases}
    return tuple(_answered(by_id[result.id], result, unedited[result.id]) for result in results)


def _answered(case: Case, result: CaseResult, before: Observation) -> AnsweredCase:
    fact, after = case.request.fact, result.edited
    exchanges = (
        Exchange(prompt=fact.text, before=before.completion, after=after.completion),
        Exchange(prompt=fact.question(), before=before.chat, after=after.chat),
    )
    return AnsweredCase(
        id=case.id, target_new=case.request.target_new, rival=case.rival, refused=result.refused, exchanges=exchanges
    )
