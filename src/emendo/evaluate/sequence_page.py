"""A sequence of edits as one HTML file that needs nothing else: the curves, and every figure behind them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emendo.evaluate import wording
from emendo.evaluate.metrics import Figure
from emendo.evaluate.page import render
from emendo.evaluate.sequence_figure import Curve, Point, read_curves, sequence_svg

# Ratios below this one are told apart by a thousandth.
_NEAR = 1.1


@dataclass(frozen=True, kw_only=True)
class _Section:
    name: str
    batch: str
    config: Mapping[str, Any]
    measures: tuple[Figure, ...]
    points: tuple[Point, ...]


def sequence_page(document: Mapping[str, Any]) -> str:
    """The page's HTML; names and settings may hold any text.

    Args:
        document: As `sequence_figure` describes it.

    Raises:
        InvalidRequest: It is another document, or holds no point.
    """
    curves = read_curves(document)
    most = max(point.edits for curve in curves for point in curve.points)
    return render(
        "sequence.html",
        title=f"{most:,} edits in sequence on {document.get('benchmark', 'a benchmark')}",
        introduction=(
            f"Edits pile up in one {document.get('model', 'model')}, one batch after another. At each point the facts edited so "
            "far are asked again, or a sample of them: n says how many. Every figure stands with its 95 % interval."
        ),
        facts=_facts(document),
        figure=sequence_svg(curves),
        methods=[_section(curve) for curve in curves],
        estimate=wording.estimate,
        bounds=wording.bounds,
        ratio=ratio,
        plain=lambda value: json.dumps(value, ensure_ascii=False),
    )


def ratio(value: float) -> str:
    """A ratio of perplexities as it is shown: "1.015", "1.41", "2.1e+04" where a model has fallen apart, "∞" beyond all numbers."""
    if not math.isfinite(value):
        return "∞"
    if value < _NEAR:
        return f"{value:.3f}"
    return f"{value:.2f}" if value < 1000 else f"{value:.2g}"


def _facts(document: Mapping[str, Any]) -> list[tuple[str, str, bool]]:
    """Names, values, and whether a value is set as code."""
    digest = document.get("model_digest")
    facts = [
        ("model", document.get("model"), False),
        ("weights", digest and f"SHA-256 {digest}", True),
        ("benchmark", document.get("benchmark"), False),
        ("seed", document.get("seed"), False),
        ("date", document.get("date"), False),
        ("command", document.get("command"), True),
    ]
    known = [(name, value not in (None, ""), value, is_code) for name, value, is_code in facts]
    return [
        (name, str(value) if is_known else "not recorded", is_code and is_known) for name, is_known, value, is_code in known
    ]


def _section(curve: Curve) -> _Section:
    batch = "one edit at a time" if curve.batch == 1 else f"{curve.batch:,} edits at a time"
    return _Section(name=curve.name, batch=batch, config=curve.config, measures=curve.measures, points=curve.points)
