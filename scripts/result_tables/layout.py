"""How tables are laid out: Markdown, shares with their intervals, and the command that makes the figures again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from emendo.evaluate import Figure
from emendo.evaluate.compare import Difference

FOOTNOTE = r"\* teacher-forced: how the model rates given words, not what it says."
# Name of a part of a page → the file in docs/results, and the table that is made of it.
Parts = dict[str, tuple[str, Callable[[Path], str]]]


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Rows under a header, as Markdown."""
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(f"| {' | '.join(str(cell).replace('|', '∣') for cell in line)} |" for line in lines)


def source(told: str, command: str, date: str) -> str:
    """What was measured, with the command that makes the figures again."""
    when = f", {date[:10]}" if date else ""
    return f"{told}{when}. Command: `{command}`" if command else f"{told}{when}."


def share(figure: list[float] | None) -> str:
    """A share in per cent with its interval."""
    if figure is None:
        return "–"
    estimate, low, high = (100 * value for value in figure)
    return f"{estimate:.1f} ({low:.1f}–{high:.1f})"


def label(measure: Figure | Difference) -> str:
    """The heading of a measure; a star says teacher-forced."""
    return measure.label + (r"\*" if measure.teacher_forced else "")


def footnote(measures: Iterable[Figure]) -> list[str]:
    """What the star means, where one stands."""
    is_starred = any(measure.teacher_forced for measure in measures)
    return [FOOTNOTE] if is_starred else []
