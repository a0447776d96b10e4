"""What the model said about each case, taken from the work file of a run: the report keeps only the values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emendo.evaluate.cases import Case, CaseSet
from emendo.evaluate.observation import Answer
from emendo.evaluate.report import Report


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


def read_answers(work: Path, report: Report, cases: CaseSet) -> tuple[AnsweredCase, ...]:
    """What was said in the run that a report is of, case by case; nothing where the file does not hold that run.

    A run is known by the time that its cases took, which no two runs share to the last digit.

    Args:
        work: The file that `evaluate` kept the cases in.
        report: What `evaluate` returned.
        cases: What it was given.
    """
    for lines in _runs(work).values():
        kept = [lines[case] for case in report.case_ids if case in lines]
        if len(kept) == len(report.case_ids) and sum(line["seconds_editing"] for line in kept) == report.seconds_editing:
            by_id = {case.id: case for case in cases.cases}
            return tuple(_answered(line, by_id[line["id"]]) for line in kept)
    return ()


def _answered(line: Mapping[str, Any], case: Case) -> AnsweredCase:
    fact = case.request.fact
    prompts = {"completion": fact.text, "chat": fact.question()}
    exchanges = tuple(
        Exchange(prompt=prompt, before=Answer(**line["unedited"][where]), after=Answer(**line["edited"][where]))
        for where, prompt in prompts.items()
    )
    return AnsweredCase(
        id=case.id, target_new=case.request.target_new, rival=case.rival, refused=line["refused"], exchanges=exchanges
    )


def _runs(work: Path) -> dict[str, dict[str, Mapping[str, Any]]]:
    """By run and case, the lines of a work file; a line that a crash cut short is left out."""
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    if not work.is_file():
        return found
    # Not splitlines: what a model says may hold other characters that end a line.
    for text in work.read_text(encoding="utf-8").split("\n"):
        try:
            line = json.loads(text)
        except json.JSONDecodeError:
            continue
        found.setdefault(line["run"], {})[line["id"]] = line
    return found
