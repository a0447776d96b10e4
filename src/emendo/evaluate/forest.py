"""A forest plot as SVG that takes its colours and type from the page around it: one row an estimate, with its interval.

The page's style sheet defines the classes: `grid`, `zero`, `tick`, `name`, `value`, and `row`, `row above`, `row below`,
`row aside` for rows whose interval lies above or below zero, and for what the others are read against.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _ROW, _TOP, _BOTTOM = 360, 22, 6, 22
_NAME, _VALUE, _LETTER = 16, 54, 7.0
_TICKS = 5


@dataclass(frozen=True, kw_only=True)
class Row:
    """An estimate in a plot, on the scale that is shown.

    Attributes:
        label: What it is of.
        estimate: The dot.
        low: Where its line begins.
        high: Where it ends.
        text: The estimate in words.
        told: What is read out when the row is pointed at.
        kind: "", "above", "below" or "aside".
    """

    label: str
    estimate: float
    low: float
    high: float
    text: str
    told: str
    kind: str = ""


def forest(title: str, rows: Sequence[Row], *, ends: tuple[float, float] | None = None, has_zero: bool = False) -> str:
    """The plot as an SVG element; labels may hold any text.

    Args:
        title: What it shows, for those who do not see it.
        rows: From top to bottom, at least one.
        ends: Of the axis; by the rows unless given.
        has_zero: Whether a line marks zero, which is then on the axis.
    """
    ticks = _ticks(*(ends or _span(rows, has_zero)))
    start = _NAME + _LETTER * max(len(row.label) for row in rows)
    width, height = _WIDTH - start - _VALUE, _TOP + _ROW * len(rows)

    def place(value: float) -> float:
        share = (value - ticks[0]) / (ticks[-1] - ticks[0])
        return start + width * min(1.0, max(0.0, share))

    parts = []
    for tick in ticks:
        kind = "zero" if has_zero and tick == 0 else "grid"
        parts.append(f'<line class="{kind}" x1="{place(tick):.1f}" x2="{place(tick):.1f}" y1="{_TOP}" y2="{height}"/>')
        text = f"{tick:g}".replace("-", "−")
        parts.append(f'<text class="tick" x="{place(tick):.1f}" y="{height + 15}" text-anchor="middle">{text}</text>')
    for at, row in enumerate(rows):
        y = _TOP + _ROW * (at + 0.5)
        parts.append(
            f'<g class="row {row.kind}"><title>{escape(row.told)}</title>'
            f'<rect class="hit" x="0" y="{y - _ROW / 2}" width="{_WIDTH}" height="{_ROW}"/>'
            f'<text class="name" x="{start - 12:.1f}" y="{y + 4}" text-anchor="end">{escape(row.label)}</text>'
            f'<line x1="{place(row.low):.1f}" x2="{place(row.high):.1f}" y1="{y}" y2="{y}"/>'
            f'<circle cx="{place(row.estimate):.1f}" cy="{y}" r="4"/>'
            f'<text class="value" x="{_WIDTH}" y="{y + 4}" text-anchor="end">{escape(row.text)}</text></g>'
        )
    box = f"0 0 {_WIDTH} {height + _BOTTOM}"
    return f'<svg class="forest" viewBox="{box}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'


def _span(rows: Sequence[Row], has_zero: bool) -> tuple[float, float]:
    low, high = min(row.low for row in rows), max(row.high for row in rows)
    if has_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    # An axis needs some length even where nothing varies.
    return (low, high) if high - low > 1e-9 else (low - 1, high + 1)


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers from below `low` to above `high`, about five of them."""
    rough = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * at, 10) for at in range(first, last + 1)]
