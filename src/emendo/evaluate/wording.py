"""How figures are written: the same words and digits on the terminal, on pages and in tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from emendo.evaluate.compare import Difference
from emendo.evaluate.metrics import Figure
from emendo.evaluate.report import Report

# What a table of methods shows where there is room for some measures only, in this order.
MAIN = (
    "score",
    "efficacy_probability",
    "paraphrase_probability",
    "neighborhood_probability",
    "generation_completion",
    "generation_chat",
)
_FEW = 30
TEACHER_FORCED = "* teacher-forced: how the model rates given words, not what it says"


def number(value: float, measure: Figure | Difference) -> str:
    """A value of a measure as it is shown, without its unit: "86.3"."""
    shown = value * measure.scale
    text = f"{shown:.{1 if measure.unit == '%' or abs(shown) >= 100 else 2}f}"
    return text.lstrip("-") if float(text) == 0 else text


def bounds(measure: Figure | Difference) -> str:
    """An interval: "82.1–89.8"; "−3.0 to 8.0" where a bound may lie below zero."""
    low, high = number(measure.low, measure), number(measure.high, measure)
    if isinstance(measure, Difference):
        return f"{_signed(low)} to {_signed(high)}"
    return f"{low}–{high}"


def with_interval(measure: Figure | Difference) -> str:
    """An estimate with its interval: "86.3 (82.1–89.8)"."""
    return f"{estimate(measure)} ({bounds(measure)})"


def estimate(measure: Figure | Difference) -> str:
    """The estimate alone; a difference has its sign."""
    text = number(measure.estimate, measure)
    return _signed(text) if isinstance(measure, Difference) else text


def heading(measure: Figure | Difference) -> str:
    """A short heading for a column: "ES*" for "efficacy, probability (ES)"; the star says teacher-forced."""
    short = re.search(r"\(([A-Z]+)\)$", measure.label)
    unit = "" if measure.unit in ("", "%") else f", {measure.unit}"
    return (short[1] if short else measure.label) + unit + ("*" if measure.teacher_forced else "")


def measures(reports: Iterable[Report]) -> tuple[Figure, ...]:
    """One figure of each measure that some report has, in the order of the reports."""
    found: dict[str, Figure] = {}
    for report in reports:
        for figure in report.edited:
            found.setdefault(figure.name, figure)
    return tuple(found.values())


def main_measures(reports: Iterable[Report]) -> tuple[Figure, ...]:
    """Those that a table shows where there is room for some only."""
    by_name = {figure.name: figure for figure in measures(reports)}
    return tuple(by_name[name] for name in MAIN if name in by_name)


def counts(numbers: Sequence[int]) -> str:
    """Numbers of cases in one word: "100", or "98–100" where they differ."""
    least, most = min(numbers), max(numbers)
    return str(least) if least == most else f"{least}–{most}"


def caution(n: int) -> str:
    """What is to be said of differences over few cases; nothing where there are enough."""
    return (
        f"With {n} cases these intervals are too narrow; measure at least {_FEW} before you rely on one." if n < _FEW else ""
    )


def seconds_an_edit(report: Report) -> str:
    """The time an edit took, or a dash where no weight is changed."""
    return f"{report.seconds_editing / report.n:.2f}" if report.layers else "–"


def relative_norm(report: Report) -> str:
    """Median ‖Δ‖ / ‖W‖ of the edits, or a dash where there is none."""
    norm = report.edit_medians.get("relative_norm")
    return "–" if norm is None else f"{norm:.3f}"


def _signed(text: str) -> str:
    if float(text) == 0:
        return text
    return text.replace("-", "−") if text.startswith("-") else f"+{text}"
