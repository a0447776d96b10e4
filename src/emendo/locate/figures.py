"""Figures of causal traces, in the manner of Meng et al. (2022), figures 1 to 3: tokens down, layers across, one map a kind.

Drawn without a display and without global state; an SVG of the same trace is the same file byte by byte.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from emendo.errors import InvalidRequest
from emendo.locate.page import ValueMap, page
from emendo.locate.trace import RESTORATIONS, TOKEN_CLASSES, AveragedEffect, AveragedTrace, CausalTrace, Effect, Kind

COLOURS: dict[Kind, str] = {
    "states": "Purples",
    "mlp": "Greens",
    "attention": "Reds",
    "states_mlp_severed": "Blues",
    "states_attention_severed": "Oranges",
}
CLASS_COLOURS = ("#74a9cf", "#0570b0", "#54278f", "#31a354", "#969696", "#d94801")
COLUMNS = 3
SUFFIXES = (".png", ".svg", ".pdf", ".html")
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "emendo",
}


def check_figure_path(path: Path, *, others: Sequence[str] = ()) -> None:
    """Nothing, if a figure can be written to the path.

    Args:
        path: Where the figure shall go.
        others: Further suffixes that the caller writes itself.

    Raises:
        InvalidRequest: Its suffix is of no kind that is written, or its folder is not there.
    """
    known = (*SUFFIXES, *others)
    if path.suffix not in known:
        raise InvalidRequest(f"'{path.name}' ends in '{path.suffix}'; a trace is written to a file in {', '.join(known)}.")
    if not path.absolute().parent.is_dir():
        raise InvalidRequest(f"There is no folder '{path.parent}' to write '{path.name}' to; make it first.")


def draw_trace(trace: CausalTrace, path: Path) -> None:
    """Draw the maps of one trace into a file, whose suffix says how: .png, .svg, .pdf or .html.

    Raises:
        InvalidRequest: The suffix is another, or the folder is not there.
    """
    subject = range(trace.subject_first, trace.subject_last + 1)
    labels = [_visible(token) + ("*" if t in subject else "") for t, token in enumerate(trace.tokens)]
    title = f"{_visible(trace.fact.text)} → {_visible(trace.target)}"
    subtitle = f"p = {trace.probability_clean:.3f}, with * corrupted p = {trace.probability_corrupted:.3f}"
    check_figure_path(path)
    rows, columns = _grid(len(trace.effects))
    with mpl.rc_context(STYLE):
        height = 0.7 + rows * (0.9 + max(1.3, 0.21 * len(labels)))
        figure = Figure(figsize=(0.6 + 3.9 * columns, height), layout="constrained")
        _head(figure, title, subtitle)
        axes = figure.subplots(rows, columns, squeeze=False, sharey="row")
        for ax, (kind, effect) in zip(axes.flat, trace.effects.items(), strict=False):
            _heat_map(figure, ax, kind, effect.indirect_effect, trace.window)
        for row in axes:
            _label_rows(list(row), labels)
            for index in subject:
                row[0].get_yticklabels()[index].set_fontweight("bold")
        _drop_unused(axes, len(trace.effects))
        _save(figure, path, title, [_value_map(kind, labels, effect) for kind, effect in trace.effects.items()])


def draw_average(average: AveragedTrace, path: Path) -> None:
    """Draw an average over facts into a file: maps by class of token, and below them lines with 95 % intervals over facts.

    Raises:
        InvalidRequest: The suffix is none of .png, .svg, .pdf and .html, or the folder is not there.
    """
    title = f"Average indirect effect over {average.facts} known facts"
    subtitle = (
        f"mean p = {average.probability_clean:.3f}, corrupted p = {average.probability_corrupted:.3f}, "
        f"total effect {average.total_effect:.3f} ± {average.total_effect_error:.3f}"
    )
    classes = [name.capitalize() for name in TOKEN_CLASSES]
    rows, columns = _grid(len(average.effects))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(0.9 + 4.1 * columns, 0.6 + 5.3 * rows), layout="constrained")
        _head(figure, title, subtitle)
        axes = figure.subplots(2 * rows, columns, squeeze=False, sharey="row", height_ratios=(1, 1.35) * rows)
        pairs = zip(axes[::2].flat, axes[1::2].flat, average.effects.items(), strict=False)
        for upper, lower, (kind, effect) in pairs:
            _heat_map(figure, upper, kind, effect.indirect_effect, average.window)
            _lines(lower, effect)
        for maps, lines in zip(axes[::2], axes[1::2], strict=True):
            _label_rows(list(maps), classes)
            lines[0].set_ylabel("indirect effect (mean, 95 % interval)")
        axes[1, columns - 1].legend(frameon=False, fontsize=8, loc="best")
        for half in (axes[::2], axes[1::2]):
            _drop_unused(half, len(average.effects))
        _save(figure, path, title, [_value_map(kind, classes, effect) for kind, effect in average.effects.items()])


def _head(figure: Figure, title: str, subtitle: str) -> None:
    """Title and subtitle, in as many lines as the width of the figure asks for."""
    characters = int(10 * figure.get_figwidth())
    figure.suptitle("\n".join([*textwrap.wrap(title, characters), *textwrap.wrap(subtitle, characters)]), fontsize=11)


def _grid(maps: int) -> tuple[int, int]:
    """Rows and columns that the maps are laid out in."""
    return -(-maps // COLUMNS), min(maps, COLUMNS)


def _drop_unused(axes: np.ndarray, used: int) -> None:
    for ax in axes.flat[used:]:
        ax.set_visible(False)


def _lines(ax: Axes, effect: AveragedEffect) -> None:
    """A line a class of token, with its interval over facts."""
    layers = np.arange(effect.indirect_effect.shape[1])
    rows = zip(TOKEN_CLASSES, CLASS_COLOURS, effect.indirect_effect, effect.standard_error, strict=True)
    for name, colour, mean, error in rows:
        ax.plot(layers, mean, color=colour, linewidth=1.6, label=name)
        ax.fill_between(layers, mean - 1.96 * error, mean + 1.96 * error, color=colour, alpha=0.2, linewidth=0)
    ax.axhline(0, color="0.6", linewidth=0.6)
    ax.set_xlim(layers[0], layers[-1])
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    ax.set_xlabel("layer")


def _heat_map(figure: Figure, ax: Axes, kind: Kind, values: np.ndarray, window: int) -> None:
    restoration = RESTORATIONS[kind]
    top = max(float(np.nanmax(values)), 1e-6)
    image = ax.pcolormesh(
        np.ma.masked_invalid(values),
        cmap=COLOURS[kind],
        vmin=0.0,
        vmax=top,
        edgecolors="white",
        linewidth=0.4,
    )
    ax.set_title(f"Restoring {restoration.label}" + (f", window of {window} layers" if restoration.is_windowed else ""))
    ax.set_xlabel("layer (centre of the window)" if restoration.is_windowed else "layer")
    ticks = np.arange(0, values.shape[1], 5)
    ax.set_xticks(ticks + 0.5, labels=[str(tick) for tick in ticks])
    ax.tick_params(length=2)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    bar = figure.colorbar(image, ax=ax, pad=0.02, aspect=18)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=2, labelsize=8)
    bar.set_label("indirect effect", fontsize=8)


def _label_rows(axes: Sequence[Axes], labels: Sequence[str]) -> None:
    """Names of the rows, at the leftmost of the maps that share them."""
    ax = axes[0]
    for other in axes[1:]:
        other.tick_params(left=False)
    ax.set_yticks(np.arange(len(labels)) + 0.5, labels=list(labels))
    ax.set_ylim(len(labels), 0)


def _visible(token: str) -> str:
    """A token as a label: no line breaks, no dollar signs that would start a formula, never empty."""
    return token.strip().replace("\n", "⏎").replace("$", r"\$") or "␣"


def _value_map(kind: Kind, labels: Sequence[str], effect: Effect | AveragedEffect) -> ValueMap:
    return ValueMap(
        caption=f"Restoring {RESTORATIONS[kind].label}: indirect effect by layer",
        labels=tuple(labels),
        values=effect.indirect_effect,
        errors=effect.standard_error,
    )


def _save(figure: Figure, path: Path, title: str, maps: Sequence[ValueMap]) -> None:
    if path.suffix == ".html":
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None})
        path.write_text(page(title, drawn.getvalue(), maps), encoding="utf-8")
    else:
        metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix)
        figure.savefig(path, dpi=200, metadata=metadata)
