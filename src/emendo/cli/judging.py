"""The judge of the page that `emendo serve` shows: verdicts of `verify`, claim by claim, the ledger's edits beside them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.concurrency import iterate_in_threadpool

from emendo.cli.verifying import edits_in_force, open_sources
from emendo.serve import Shelf
from emendo.verify import Report, Verdict, iter_verdicts, open_judge, open_source
from emendo.verify.report import describe_verdict
from emendo.verify.sources import memory


class PageJudge:
    """Checks answers against the embedded tables, and tells which claims an edit in force taught.

    Args:
        shelf: The models that are served.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._judges = [open_judge("slots")]
        self._facts = open_sources(None)

    async def __call__(self, question: str, answer: str, model: str | None) -> AsyncIterator[tuple[str, Mapping[str, Any]]]:
        """Name and value of each event: a "claim" each, then a "summary"."""
        edits = () if model is None else tuple(edits_in_force(self._shelf.get(model).ledger))
        sources = [*self._facts, *([open_source("memory", memory.Config(edits=edits))] if edits else [])]
        verdicts: list[Verdict] = []
        async for verdict in iterate_in_threadpool(iter_verdicts(question, answer, sources=sources, judges=self._judges)):
            verdicts.append(verdict)
            yield "claim", _told(answer, verdict)
        report = Report(question=question, answer=answer, verdicts=tuple(verdicts))
        yield (
            "summary",
            {
                "checked": report.checked,
                "checkable": report.checkable,
                "coverage": report.coverage,
                "counts": report.counts,
            },
        )


def _told(answer: str, verdict: Verdict) -> dict[str, Any]:
    deciding = [verdict.passages[opinion.passage] for opinion in verdict.opinions if opinion.label == verdict.label]
    start, end = describe_verdict(verdict, answer)["claim"]["span_utf16"]
    return {
        "verdict": verdict.label,
        "claim": verdict.claim.quote,
        "start": start,
        "end": end,
        "why": verdict.why,
        "correction": None if verdict.correction is None else verdict.correction.text,
        "confidence": verdict.confidence,
        "passages": [
            {"text": p.text, "source": p.source, "locator": p.locator, "url": None, "date": p.date}
            for p in dict.fromkeys(deciding or verdict.passages)
        ],
        "entry": verdict.entries[0] if verdict.entries else None,
    }
