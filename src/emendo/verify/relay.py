"""Pass a stream on as it comes, and put verdicts between its events: nothing that is said waits for a verdict.

Two things are waited for at once, the next event of the stream and the verdicts on the sentences that have ended; an event always
goes first. Verdicts follow as chunks of the same answer with `annotations`, and a last event for each choice sums them up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Any, Protocol, runtime_checkable

import httpx
from anyio import CancelScope, to_thread

from emendo.verify.report import Report
from emendo.verify.streams import DONE, Collected, data_of, event, events_of
from emendo.verify.verdict import Verdict

EVENT = "emendo.verification"
_log = logging.getLogger("emendo.verify")


@runtime_checkable
class Checking(Protocol):
    """The check of one answer; see `GrowingAnswer`."""

    def take(self, text: str) -> list[Verdict]:
        """The verdicts on what has ended since the last time."""

    def finish(self, text: str) -> tuple[Report, list[Verdict]]:
        """The report on the whole, and the verdicts that are new in it."""


async def relay(
    answer: httpx.Response, begin: Callable[[], Checking], keep: Callable[[Report], None]
) -> AsyncIterator[bytes]:
    """The events of an upstream server's answer, with verdicts between and after them.

    Args:
        answer: The answer, whose body is a stream of events.
        begin: Begins the check of a choice.
        keep: Takes each report.
    """
    collected, end, broken = Collected(), b"", None
    checks: dict[int, Checking] = {}
    events = events_of(answer.aiter_raw())
    reading = asyncio.create_task(_next(events))
    judging: asyncio.Task[bytes] | None = None
    seen: dict[int, int] = {}
    try:
        while True:
            await asyncio.wait({reading, judging} if judging else {reading}, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                try:
                    piece = reading.result()
                except httpx.HTTPError as error:
                    broken = type(error).__name__
                    break
                if piece is None:
                    break
                reading = asyncio.create_task(_next(events))
                if end or data_of(piece) == DONE:
                    end += piece
                    continue
                collected.add(data_of(piece))
                yield piece
            elif judging is not None and judging.done():
                notes, judging = judging.result(), None
                if notes:
                    yield notes
            if judging is None and (grown := _grown(collected, seen)):
                judging = asyncio.create_task(_judged(grown, begin, checks, collected))
        if judging is not None and (notes := await judging):
            yield notes
        is_complete = broken is None and (bool(end) or collected.is_finished)
        for index, text in sorted(collected.texts.items()):
            told, verdicts = await finished(partial(_check_of, index, begin, checks), text, keep)
            if verdicts:
                yield _notes(index, verdicts, collected)
            summary = {**told, "choice": index, "is_complete": is_complete}
            yield event({**_shared(collected), "choices": [], "emendo_verification": summary}, EVENT)
    finally:
        with CancelScope(shield=True):
            for task in (reading, judging):
                if task is not None:
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)
            await answer.aclose()
    if not is_complete:
        why = f" ({broken})" if broken else ""
        yield event({"error": {"message": f"The upstream server broke off its answer{why}.", "type": "upstream_error"}})
    yield end


async def finished(
    begin: Callable[[], Checking], text: str, keep: Callable[[Report], None]
) -> tuple[dict[str, Any], list[Verdict]]:
    """The summary of a whole answer, and the verdicts that are new; whatever goes wrong is told, and the answer goes on."""
    try:
        report, verdicts = await to_thread.run_sync(begin().finish, text)
    except Exception as error:  # noqa: BLE001 - the answer must not be lost with its check.
        return {"status": "check_failed", "why": str(error) or type(error).__name__}, []
    keep(report)
    return {"status": "checked", "id": report.id, "coverage": report.coverage, "counts": report.counts}, verdicts


def annotation_of(verdict: Verdict) -> Mapping[str, Any]:
    """A verdict as an annotation of a message."""
    start, end = verdict.claim.span
    return {
        "type": "emendo_verdict",
        "start_index": start,
        "end_index": end,
        "verdict": verdict.label,
        "why": verdict.why,
        "confidence": verdict.confidence,
        "correction": verdict.correction.text if verdict.correction else None,
        "sources": list(dict.fromkeys(verdict.passages[opinion.passage].locator for opinion in verdict.opinions)),
    }


def _check_of(index: int, begin: Callable[[], Checking], checks: dict[int, Checking]) -> Checking:
    """The check of a choice, which begins when it is first asked for."""
    if index not in checks:
        checks[index] = begin()
    return checks[index]


async def _next(events: AsyncIterator[bytes]) -> bytes | None:
    return await anext(events, None)


def _grown(collected: Collected, seen: dict[int, int]) -> dict[int, str]:
    """The choices that have said a word or a line more since they were looked at."""
    grown = {}
    for index, text in collected.texts.items():
        words = max(text.rfind(" "), text.rfind("\n")) + 1
        if words > seen.get(index, 0):
            grown[index], seen[index] = text, words
    return grown


async def _judged(
    grown: Mapping[int, str], begin: Callable[[], Checking], checks: dict[int, Checking], collected: Collected
) -> bytes:
    """The verdicts on what has ended by now, as chunks; none where the check fails, which the summary tells."""
    notes = b""
    for index, text in grown.items():
        try:
            verdicts = await to_thread.run_sync(_check_of(index, begin, checks).take, text)
        except Exception as error:  # noqa: BLE001 - the answer must not be lost with its check.
            _log.warning("A sentence was not checked while it came (%s); it is tried again with the whole.", error)
            continue
        if verdicts:
            notes += _notes(index, verdicts, collected)
    return notes


def _notes(index: int, verdicts: list[Verdict], collected: Collected) -> bytes:
    annotations = [annotation_of(verdict) for verdict in verdicts]
    choice = {"index": index, "delta": {"annotations": annotations}, "finish_reason": None}
    return event({**_shared(collected), "choices": [choice]})


def _shared(collected: Collected) -> dict[str, Any]:
    return {**collected.first, "object": "chat.completion.chunk"}
