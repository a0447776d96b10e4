"""Names of many kinds that Emendo lists itself: who an edit's peers are chosen among, and what a model is sampled about."""

from __future__ import annotations

from importlib.resources import files


def subjects() -> tuple[str, ...]:
    """Every subject of the list, those of one kind side by side."""
    text = files("emendo.edit").joinpath("subjects.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return tuple(subject for line in lines for subject in line.split("; "))
