"""A figure and the values behind it as one HTML file that needs nothing else: no scripts, no fonts, no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from jaxtyping import Float

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; color: #1b1b1f; background: #fff }}
body {{ max-width: 80rem; margin: 2rem auto; padding: 0 1rem }}
h1 {{ font-size: 1.25rem }}
svg {{ width: 100%; height: auto }}
.values {{ overflow-x: auto; margin: 1.5rem 0 }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .8rem }}
caption {{ text-align: left; font-weight: 600; padding: .3rem 0 }}
th {{ font-weight: 500; padding: .1rem .4rem; text-align: right; white-space: nowrap }}
td {{ padding: .1rem .3rem; text-align: right }}
</style>
</head>
<body>
<h1>{title}</h1>
<figure role="img" aria-label="{title}" style="margin:0">
{svg}
</figure>
<p>Point at a value to read its standard error.</p>
{tables}
</body>
</html>
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class ValueMap:
    """The values behind one map of a figure.

    Attributes:
        caption: What they are.
        labels: What each row is called.
        values: Rows × layers; NaN where there is none.
        errors: Their standard errors.
    """

    caption: str
    labels: tuple[str, ...]
    values: Float[np.ndarray, "rows layers"]
    errors: Float[np.ndarray, "rows layers"]


def page(title: str, svg: str, maps: Sequence[ValueMap]) -> str:
    """The page's HTML; title, captions and labels may hold any text.

    Args:
        title: Heading of the page.
        svg: A figure as an SVG file, prolog included.
        maps: The values in it, one table each.
    """
    tables = "\n".join(_table(values) for values in maps)
    return _PAGE.format(title=escape(title), svg=svg[svg.index("<svg") :], tables=tables)


def _table(values: ValueMap) -> str:
    greatest = float(np.nanmax(np.abs(values.values))) or 1.0
    layers = "".join(f'<th scope="col">{layer}</th>' for layer in range(values.values.shape[1]))
    rows = []
    for label, row, errors in zip(values.labels, values.values, values.errors, strict=True):
        cells = "".join(_cell(layer, v, e, greatest) for layer, (v, e) in enumerate(zip(row, errors, strict=True)))
        rows.append(f'<tr><th scope="row">{escape(label)}</th>{cells}</tr>')
    head = f'<tr><th scope="col">layer</th>{layers}</tr>'
    return f'<div class="values"><table><caption>{escape(values.caption)}</caption>{head}{"".join(rows)}</table></div>'


def _cell(layer: int, value: float, error: float, greatest: float) -> str:
    if np.isnan(value):
        return "<td></td>"
    # Purple raises, orange lowers the probability; at most 60 % opaque, so that the figures stay readable.
    colour = "84, 39, 143" if value >= 0 else "217, 72, 1"
    style = f"background:rgba({colour},{0.6 * abs(value) / greatest:.2f})"
    return f'<td style="{style}" title="layer {layer}: {value:.4f} ± {error:.4f}">{value:.2f}</td>'
