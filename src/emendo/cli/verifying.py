"""What the commands that verify share: the sources asked for, the ledger's edits as plain values, the table of verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from emendo.home import default_home

if TYPE_CHECKING:
    from emendo.ledger import Ledger
    from emendo.verify import Report, Source, Verdict
    from emendo.verify.cache import Cache
    from emendo.verify.sources.memory import Remembered

_STYLES = {"supported": "green", "refuted": "bold red", "check_failed": "yellow"}


def open_sources(names: Sequence[str] | None, edits: Sequence[Remembered] = ()) -> list[Source]:
    """The sources of some names, the embedded tables unless any is named, and the edits in force beside them."""
    from emendo.verify import open_source, read_source
    from emendo.verify.sources import memory

    sources = [read_source(name) for name in names or ("facts",)]
    return [*sources, *([open_source("memory", memory.Config(edits=tuple(edits)))] if edits else [])]


def edits_in_force(ledger: Ledger, at: str | None = None) -> list[Remembered]:
    """The edits that are in force at a point of a history, as plain values."""
    from emendo.verify.sources.memory import Remembered

    return [
        Remembered(
            number=entry.number,
            subject=request.fact.subject,
            prompt=request.fact.text,
            target=request.target_new,
            when=entry.when,
            who=entry.who,
            why=entry.why,
            source=request.source,
        )
        for entry in ledger.at(at).in_force
        for request in entry.requests
    ]


def known_edits(model: str, folder: Path | None, at: str | None) -> list[Remembered]:
    """The edits in force of a model whose digest is known already; none of another, which is not loaded for this.

    Where no ledger is kept at all, nothing of models is even imported.
    """
    home = default_home()
    if folder is None and not any((home / "ledgers").glob("*/ledger.jsonl")):
        return []
    from emendo.ledger import Ledger
    from emendo.models.store import stored_model

    stored = stored_model(home, model)
    return [] if stored is None else edits_in_force(Ledger.of_digest(stored.digest, model, folder), at)


def report_cache() -> Cache:
    """Where reports are kept."""
    from emendo.verify.cache import Cache

    return Cache(folder=default_home() / "verify" / "reports")


def table_of(report: Report) -> Table:
    """The verdicts as a table."""
    table = Table(box=None, padding=(0, 1, 0, 0))
    for column in ("No.", "Claim", "Verdict", "Sure", "Why", "Source"):
        table.add_column(column, overflow="fold", no_wrap=column == "No.")
    for number, verdict in enumerate(report.verdicts, start=1):
        table.add_row(str(number), Text(_clean(verdict.claim.quote)), *_told(verdict))
    return table


def summary_of(report: Report) -> str:
    """How many claims were checked, and what came out."""
    if report.coverage is None:
        return "Nothing in it can be checked: no coverage, and no score."
    counts = ", ".join(f"{count} {label.replace('_', ' ')}" for label, count in report.counts.items() if count)
    return f"Checked {report.checked} of {report.checkable} checkable claims ({report.coverage:.0%}): {counts}."


def _told(verdict: Verdict) -> tuple[Text, str, Text, Text]:
    sure = "" if verdict.confidence is None else f"{verdict.confidence:.0%}"
    why = verdict.why
    if verdict.correction is not None:
        why = f"{verdict.correction.text}: {why}"
    if verdict.as_of:
        why += f" (as of {verdict.as_of})"
    if verdict.entries:
        why += f" (edited on purpose: entry {', '.join(map(str, verdict.entries))})"
    if verdict.failures and verdict.label != "check_failed":
        why += "".join(f" ({failure.name} failed: {failure.why})" for failure in verdict.failures)
    cited = dict.fromkeys(verdict.passages[o.passage].locator for o in verdict.opinions if o.label == verdict.label)
    label = Text(verdict.label.replace("_", " "), style=_STYLES.get(verdict.label, "dim"))
    return label, sure, Text(why), Text("; ".join(cited))


def _clean(words: str) -> str:
    """A claim on one line, not too long, without characters that move a terminal's cursor."""
    line = " ".join("".join(c if c.isprintable() or c.isspace() else "�" for c in words).split())
    return line if len(line) <= 160 else line[:159] + "…"
