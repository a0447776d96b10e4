"""`emendo ability`: what the original and the edited model can do besides."""

from __future__ import annotations

import shlex
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emendo.cli.options import DEFAULT_MODEL, AtOption, JsonOption, LedgerOption, ModelOption, SeedOption

if TYPE_CHECKING:
    from emendo.evaluate.ability import Perplexity
    from emendo.evaluate.harness import TaskScore


def command(
    tasks: Annotated[
        str, typer.Option("--tasks", help="Tasks of lm-evaluation-harness, separated by commas; '' for none.")
    ] = "emendo_capitals",
    text: Annotated[Path | None, typer.Option("--text", help="Plain text whose perplexity is measured too.")] = None,
    windows: Annotated[int, typer.Option("--windows", min=2, help="Most windows of 256 tokens of the text.")] = 64,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Most documents of a task; all unless given.")] = None,
    model: ModelOption = DEFAULT_MODEL,
    ledger: LedgerOption = None,
    at: AtOption = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the figures to this JSON file.")] = None,
    seed: SeedOption = 0,
    json: JsonOption = False,
) -> None:
    """Measure what the model can do besides, original and edited: tasks of lm-evaluation-harness, and perplexity of a text.

    The task emendo_capitals needs no network; any other task of the harness works where there is one.

    \b
    Example:
      emendo ability
      emendo ability --text book.txt --tasks ''
      emendo ability --tasks hellaswag,arc_easy --limit 200 --json
    """
    from emendo.cli import console
    from emendo.cli.session import open_session
    from emendo.errors import InvalidRequest
    from emendo.evaluate.ability import Reader, read_text
    from emendo.evaluate.documents import as_json, writable, write_whole
    from emendo.evaluate.harness import task_scores
    from emendo.models import ORIGINAL

    names = [name.strip() for name in tasks.split(",") if name.strip()]
    if not names and text is None:
        raise InvalidRequest("There is nothing to measure; give --tasks or --text.")
    if output is not None:
        writable(output)
    plain = None if text is None else read_text(text)
    session = open_session(model, ledger, at)
    sides = {"original": ORIGINAL} | ({"edited": session.revision} if session.revision.deltas else {})
    scores = task_scores(session.model, sides, names, limit=limit, seed=seed) if names else []
    read: dict[str, Perplexity] = {}
    if plain is not None:
        with console.progress_of_stages() as progress:
            reader = Reader(session.model, plain, windows=windows)
            read = {side: reader.read(revision, partial(progress, f"reading, {side}")) for side, revision in sides.items()}
    document: dict[str, Any] = {
        "command": shlex.join(["emendo", *sys.argv[1:]]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": session.model.name,
        "model_digest": session.model.digest,
        "revisions": {side: revision.id for side, revision in sides.items()},
        "seed": seed,
        "tasks": [asdict(score) for score in scores],
        "perplexity": {side: asdict(perplexity) for side, perplexity in read.items()},
    }
    if output is not None:
        write_whole(output, as_json(document))
    if json:
        console.print_json(document)
    else:
        _print(list(sides), scores, read)


def _print(sides: list[str], scores: list[TaskScore], read: dict[str, Perplexity]) -> None:
    from rich.table import Table

    from emendo.cli.console import out

    table = Table("what", "n", *sides, show_edge=False, pad_edge=False)
    for task, metric in dict.fromkeys((score.task, score.metric) for score in scores):
        own = {score.side: score for score in scores if (score.task, score.metric) == (task, metric)}
        table.add_row(f"{task}, {metric}", str(own[sides[0]].n), *(_shown(own[side]) for side in sides))
    if read:
        first = read[sides[0]]
        table.add_row("perplexity", f"{first.windows} × 256", *(f"{read[side].perplexity:.2f}" for side in sides))
        if "edited" in read:
            ratio = read["edited"].ratio
            table.add_row("perplexity, ratio", "", "1", f"{ratio.estimate:.4f} ({ratio.low:.4f}–{ratio.high:.4f})")
    out.print(table)
    out.print("± is the standard error that lm-evaluation-harness gives; a ratio has its 95 % interval.", style="dim")


def _shown(score: TaskScore) -> str:
    return f"{score.value:.4f}" + ("" if score.error is None else f" ± {score.error:.4f}")
