"""What the page can do beyond chatting, as functions that are passed in: `serve` neither edits nor locates nor judges.

The command line wires them (see `emendo.cli.workbench`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Protocol, runtime_checkable

from emendo.ledger import Entry
from emendo.serve.edit_shapes import NewCanaries, NewPreview, NewTrace, Suggestion, WrongWords
from emendo.serve.served import Served

Report = Callable[[str, int, int], None]
Tell = Callable[[Mapping[str, Any]], None]


@runtime_checkable
class Preview(Protocol):
    """A computed edit that is not recorded yet."""

    @property
    def result(self) -> Mapping[str, Any]:
        """What the page shows of it, as JSON values."""

    @property
    def revision(self) -> str:
        """Id of the revision that it was computed on top of."""

    def commit(self, strength: float, who: str, why: str) -> Entry:
        """Record the edit, its delta scaled, and put it in force."""


@runtime_checkable
class Workbench(Protocol):
    """Long work; each method runs on the engine's thread and calls `report` between its batches, which may raise.

    `tell` takes coarse versions of a result that is to come.
    """

    def preview(self, served: Served, wanted: NewPreview, report: Report, tell: Tell) -> Preview:
        """An edit on top of what is in force, and what it would do."""

    def trace(self, served: Served, wanted: NewTrace, report: Report, tell: Tell) -> Mapping[str, Any]:
        """Where a fact lies."""

    def canaries(self, served: Served, wanted: NewCanaries, report: Report, tell: Tell) -> Mapping[str, Any]:
        """Whether what should have changed has, and nothing else did."""

    def suggest(self, served: Served, wrong: WrongWords) -> Suggestion:
        """What to edit where some words of an answer are wrong; quick."""

    def restore(self, served: Served, entry: int, who: str, why: str) -> Entry:
        """Record the patch of an edit that was taken back anew."""


@runtime_checkable
class Judge(Protocol):
    """Checks the claims of an answer against evidence."""

    def __call__(self, question: str, answer: str, model: str | None) -> AsyncIterator[tuple[str, Mapping[str, Any]]]:
        """Name and value of each event: a "claim" each, then a "summary"; edits of the model, where one is named, are told."""
