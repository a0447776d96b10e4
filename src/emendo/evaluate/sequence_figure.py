"""The picture of a sequence of edits: what is still in force, and what became of the model, against the edits made so far.

The document is a JSON object:

    {"benchmark", "command", "date", "model", "model_digest", "seed",
     "methods": [{"method", "config", "batch", "basis",
                  "points": [{"edits", "refused", "figures": [Figure], "perplexity_ratio", "perplexity_interval": [low, high],
                              "seconds_an_edit", "relative_norm", "collapsed"}]}]}

A panel shows a measure on the edits so far, a colour a method, dashed where edits are solved together, the 95 % interval as a bar,
edits on a logarithmic axis; a cross marks a model that has collapsed. Curves stand a little apart, so that bars can be told apart.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emendo.errors import InvalidRequest
from emendo.evaluate.metrics import Figure
from emendo.evaluate.pictures import save_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

_PANELS = ("generation_completion", "generation_chat", "score")
# Okabe and Ito's colours, told apart by the colour-blind, then some more; markers tell apart what is much alike.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C8C8C", "#882255", "#999933", "#7B4FCF")
_MARKERS = "osD^vPp"
_INK = "#1d2127"
# Characters of a legend's line, and what a name's line beside it takes of them.
_LEGEND, _HANDLE = 100, 6
# Below this ratio an axis has few powers of ten, so the numbers between are written too.
_NARROW = 5.0
# Numbers on the logarithmic axis stand at least this factor apart, the points of one number of edits this one.
_APART, _BESIDE = 1.8, 1.035
_STYLE: dict[Any, Any] = {
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "font.size": 9,
}


@dataclass(frozen=True, kw_only=True)
class Point:
    """A model after some edits.

    Attributes:
        edits: That were made so far, or refused.
        refused: How many of them the guard refused.
        figures: On them, or a sample of them, by measure.
        perplexity_ratio: Of unrelated text, to that of the unedited model.
        perplexity_low: Lower end of its 95 % interval.
        perplexity_high: Upper end.
        seconds_an_edit: Mean since the last point.
        relative_norm: ‖Δ‖ / ‖W‖ of all edits together.
        collapsed: Whether the model is no longer of use.
    """

    edits: int
    refused: int
    figures: Mapping[str, Figure]
    perplexity_ratio: float
    perplexity_low: float
    perplexity_high: float
    seconds_an_edit: float
    relative_norm: float
    collapsed: bool


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A method over a sequence of edits.

    Attributes:
        name: Of the method.
        config: Its settings.
        batch: Edits that are solved together.
        points: By the number of edits.
    """

    name: str
    config: Mapping[str, Any]
    batch: int
    points: tuple[Point, ...]

    @property
    def label(self) -> str:
        """The method, and how many edits are solved together where it is more than one."""
        return self.name if self.batch == 1 else f"{self.name}, {self.batch:,} together"

    @property
    def measures(self) -> tuple[Figure, ...]:
        """One figure of each measure that some point has."""
        found: dict[str, Figure] = {}
        for point in self.points:
            found = {**point.figures, **found}
        return tuple(found.values())


def read_curves(document: Mapping[str, Any]) -> tuple[Curve, ...]:
    """The methods of a document.

    Raises:
        InvalidRequest: It is another document, or holds no point.
    """
    try:
        curves = tuple(
            Curve(
                name=method["method"],
                config=method["config"],
                batch=method["batch"],
                points=tuple(sorted((_point(point) for point in method["points"]), key=lambda point: point.edits)),
            )
            for method in document["methods"]
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidRequest(
            f"This is not a report of a sequence of edits ({type(error).__name__}: {error}); give one as it was written."
        ) from error
    if not any(curve.points for curve in curves):
        raise InvalidRequest("The report of the sequence holds no measured point; measure one first.")
    return curves


def draw_sequence(document: Mapping[str, Any], path: Path) -> None:
    """Write the picture.

    Raises:
        InvalidRequest: It is another document, or no picture can be written there (`drawable`).
    """
    save_picture(_picture(read_curves(document)), path)


def sequence_svg(curves: Sequence[Curve]) -> str:
    """The picture as an SVG element that takes the colour of its text from the page around it."""
    import matplotlib

    written = io.StringIO()
    # Without a salt of its own, the ids in the file would differ from run to run.
    with matplotlib.rc_context({"svg.hashsalt": "emendo"}):
        _picture(curves).savefig(written, format="svg", transparent=True, metadata={"Date": None})
    svg = written.getvalue()
    label = 'role="img" aria-label="Measures against the number of edits, a line a method"'
    return svg[svg.index("<svg") :].replace(_INK, "currentColor").replace("<svg ", f"<svg {label} ", 1)


def _picture(curves: Sequence[Curve]) -> Picture:
    import matplotlib
    from matplotlib.figure import Figure as Picture

    known = {measure.name: measure for curve in curves for measure in curve.measures}
    panels = [known[name] for name in _PANELS if name in known]
    columns = min(2, len(panels) + 1)
    rows = math.ceil((len(panels) + 1) / columns)
    with matplotlib.rc_context(_STYLE):
        picture = Picture(figsize=(4.6 * columns, 3.1 * rows + 0.5), layout="constrained")
        axes = [picture.add_subplot(rows, columns, at + 1) for at in range(len(panels) + 1)]
        for panel, measure in zip(axes, panels, strict=False):
            _draw_measure(panel, curves, measure)
        _draw_perplexity(axes[-1], curves)
        handles, labels = axes[-1].get_legend_handles_labels()
        across = max(1, _LEGEND // (max(map(len, labels)) + _HANDLE))
        picture.legend(handles, labels, loc="outside upper center", ncols=min(across, len(labels)), frameon=False)
    return picture


def _draw_measure(axes: Axes, curves: Sequence[Curve], measure: Figure) -> None:
    for curve, look in zip(curves, _looks(curves), strict=True):
        points = [(point, point.figures[measure.name]) for point in curve.points if measure.name in point.figures]
        values = [(f.estimate * f.scale, f.low * f.scale, f.high * f.scale) for _, f in points]
        if values:
            _line(axes, look, curve.label, [point for point, _ in points], values)
    forced = "*" if measure.teacher_forced else ""
    axes.set_title(f"{measure.label}{forced}, of edits so far", loc="left")
    axes.set_ylabel(measure.unit)
    if measure.unit == "%":
        axes.set_ylim(-2, 102)
    _log_axis(axes, curves)


def _draw_perplexity(axes: Axes, curves: Sequence[Curve]) -> None:
    for curve, look in zip(curves, _looks(curves), strict=True):
        values = [(p.perplexity_ratio, p.perplexity_low, p.perplexity_high) for p in curve.points]
        if values:
            _line(axes, look, curve.label, curve.points, values)
    axes.axhline(1, color=_INK, linewidth=0.8, linestyle=":")
    axes.set_title("perplexity of unrelated text, ratio to unedited", loc="left")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:,g}")
    if max(p.perplexity_high for curve in curves for p in curve.points) < _NARROW:
        axes.yaxis.set_minor_formatter("{x:.4g}")
    _log_axis(axes, curves)


@dataclass(frozen=True, kw_only=True)
class _Look:
    colour: str
    marker: str
    dashes: str
    shift: float


def _looks(curves: Sequence[Curve]) -> list[_Look]:
    """How each curve is drawn: its colour and marker by the method, its dashes by the size of the batch, its place by its rank."""
    names = list(dict.fromkeys(curve.name for curve in curves))
    return [
        _Look(
            colour=_COLOURS[names.index(curve.name) % len(_COLOURS)],
            marker=_MARKERS[names.index(curve.name) % len(_MARKERS)],
            dashes="-" if curve.batch == 1 else "--",
            shift=_BESIDE ** (at - (len(curves) - 1) / 2),
        )
        for at, curve in enumerate(curves)
    ]


def _line(
    axes: Axes, look: _Look, label: str, points: Sequence[Point], values: Sequence[tuple[float, float, float]]
) -> None:
    edits = [point.edits * look.shift for point in points]
    # A model that has fallen apart may have no finite perplexity; its line ends there.
    estimates, lows, highs = (
        [value if math.isfinite(value) else math.nan for value in side] for side in zip(*values, strict=True)
    )
    axes.plot(edits, estimates, look.dashes, color=look.colour, marker=look.marker, markersize=4, linewidth=1.6, label=label)
    axes.vlines(edits, lows, highs, color=look.colour, alpha=0.5, linewidth=1)
    fallen = [(at, estimate) for at, point, estimate in zip(edits, points, estimates, strict=True) if point.collapsed]
    if fallen:
        axes.plot(*zip(*fallen, strict=True), "x", color=look.colour, markersize=10, markeredgewidth=2)


def _log_axis(axes: Axes, curves: Sequence[Curve]) -> None:
    from matplotlib.ticker import NullLocator

    edits = sorted({point.edits for curve in curves for point in curve.points})
    axes.set_xscale("log")
    # From the last one down, numbers that would run into the next are left out.
    shown: list[int] = []
    for count in reversed(edits):
        if not shown or shown[-1] >= _APART * count:
            shown.append(count)
    axes.set_xticks(edits, [f"{count:,}" if count in shown else "" for count in edits])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("edits so far")
    axes.grid(axis="y", color="#80808030", linewidth=0.8)


def _point(fields: Mapping[str, Any]) -> Point:
    low, high = fields["perplexity_interval"]
    figures = [Figure(**figure) for figure in fields["figures"]]
    return Point(
        edits=fields["edits"],
        refused=fields["refused"],
        figures={figure.name: figure for figure in figures},
        perplexity_ratio=fields["perplexity_ratio"],
        perplexity_low=low,
        perplexity_high=high,
        seconds_an_edit=fields["seconds_an_edit"],
        relative_norm=fields["relative_norm"],
        collapsed=fields["collapsed"],
    )
