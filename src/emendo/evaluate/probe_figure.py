"""A picture of a sweep: every candidate's measures side by side, the best one marked."""

from __future__ import annotations

from pathlib import Path

from emendo.evaluate.pictures import save_picture
from emendo.evaluate.probe import Candidate, Probe

_SHOWN = (
    ("merit", "merit", "#0072B2"),
    ("score", "score S", "#009E73"),
    ("generation_completion", "said as a completion", "#E69F00"),
    ("generation_chat", "said in chat", "#D55E00"),
    ("neighborhood_probability", "neighborhood NS", "#999999"),
)


def draw_probe(probe: Probe, path: Path) -> None:
    """Write the picture.

    Raises:
        InvalidRequest: No picture can be written there (`drawable`).
    """
    from matplotlib.figure import Figure

    labels = [describe(candidate) for candidate in probe.candidates]
    figure = Figure(figsize=(8, 0.8 + 0.62 * len(labels)), layout="constrained")
    axes = figure.add_subplot()
    height = 0.8 / len(_SHOWN)
    for at, (name, label, colour) in enumerate(_SHOWN):
        values = [c.merit if name == "merit" else c.figures.get(name, 0.0) for c in probe.candidates]
        places = [row + (at - (len(_SHOWN) - 1) / 2) * height for row in range(len(values))]
        axes.barh(places, values, height=height, color=colour, label=label)
    best = probe.candidates.index(probe.best)
    axes.set_yticks(range(len(labels)), [f"{label}  ◀" if row == best else label for row, label in enumerate(labels)])
    axes.get_yticklabels()[best].set_fontweight("bold")
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel(f"share of {probe.n} known facts, edited one by one")
    axes.set_title(f"{probe.method} on {probe.model}", loc="left")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=len(_SHOWN), frameon=False, fontsize=8)
    save_picture(figure, path)


def describe(candidate: Candidate) -> str:
    """A candidate in words: "layer 6, 9; steps 40"."""
    others = [f"{name} {value}" for name, value in candidate.settings.items() if name != "layers"]
    layers = candidate.settings["layers"]
    shown = f"{min(layers)}–{max(layers)}" if len(layers) > 2 else ", ".join(map(str, layers))
    return "; ".join([f"layer {shown}", *others])
