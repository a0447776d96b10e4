"""What commands print with: tables and progress on a terminal, plain JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    """Print a value as JSON, keys in the order given."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


@contextmanager
def progress_of_stages() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar a stage; yields a function that takes the stage, how much of it is done, and of how much."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total)
            bar.update(tasks[stage], completed=done, total=total)

        yield report


@contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error; yields a function that takes how much is done, and of how much."""
    with progress_of_stages() as report:
        yield lambda done, total: report(label, done, total)
