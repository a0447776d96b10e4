"""Figures over many cases: the mean of a measure with its doubt, and the score.

    score  S   harmonic mean of the means of ES, PS and NS over the cases (Meng et al. 2022)

What is measured of a case stands in `measures`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emendo.evaluate.intervals import Array, Interval, bootstrap, wilson
from emendo.evaluate.measures import MEASURES, Measure, measures_of
from emendo.evaluate.observation import Observation

__all__ = ["MEASURES", "SCORE", "Figure", "Measure", "case_values", "figures", "harmonic_mean"]

SCORE = "score"
_SCORE = Measure(name=SCORE, label="score (S)", teacher_forced=True, is_binary=False, value=lambda after, before: None)
SCORE_PARTS = ("efficacy_probability", "paraphrase_probability", "neighborhood_probability")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A measure over many cases, with its doubt.

    Attributes:
        name: Of the measure.
        label: As in tables.
        estimate: Mean over the cases; for the score their harmonic mean.
        low: Lower end of the 95 % interval.
        high: Upper end.
        n: Cases that have a value.
        interval: "wilson" for shares of cases, "bootstrap" for means of anything else and for the score.
        teacher_forced: Whether it rates given words instead of what the model says.
        scale: What the estimate and its interval are multiplied by when they are shown.
        unit: What stands behind them then.
    """

    name: str
    label: str
    estimate: float
    low: float
    high: float
    n: int
    interval: str
    teacher_forced: bool
    scale: float = 100.0
    unit: str = "%"


def case_values(observations: Sequence[Observation], unedited: Sequence[Observation]) -> dict[str, tuple[float | None, ...]]:
    """By measure, the value of each case; measures that no case has a value for are left out.

    Args:
        observations: One for each case.
        unedited: What was seen of the same cases without an edit.
    """
    pairs = list(zip(observations, unedited, strict=True))
    values = {m.name: tuple(m.value(after, before) for after, before in pairs) for m in measures_of(unedited)}
    return {name: own for name, own in values.items() if any(value is not None for value in own)}


def figures(observations: Sequence[Observation], unedited: Sequence[Observation], *, seed: int = 0) -> tuple[Figure, ...]:
    """The figures of all measures that some case has a value for, the score first.

    Args:
        observations: One for each case, at least one.
        unedited: What was seen of the same cases without an edit.
        seed: Of the bootstrap.
    """
    found = []
    values = {name: np.array([_or_nan(v) for v in own]) for name, own in case_values(observations, unedited).items()}
    if all(name in values for name in SCORE_PARTS):
        parts = np.stack([values[name] for name in SCORE_PARTS])
        interval = bootstrap(parts, harmonic_mean, seed=seed)
        found.append(_figure(_SCORE, interval))
    for measure in measures_of(unedited):
        if measure.name not in values:
            continue
        known = values[measure.name][~np.isnan(values[measure.name])]
        if measure.is_binary or (measure.is_share and set(known.tolist()) in ({0.0}, {1.0})):
            interval = wilson(int(known.sum()), len(known))
        else:
            interval = bootstrap(known[None], lambda means: means[0], seed=seed)
        found.append(_figure(measure, interval))
    return tuple(found)


def _figure(measure: Measure, interval: Interval) -> Figure:
    return Figure(
        name=measure.name,
        label=measure.label,
        estimate=interval.estimate,
        low=interval.low,
        high=interval.high,
        n=interval.n,
        interval=interval.kind,
        teacher_forced=measure.teacher_forced,
        scale=measure.scale,
        unit=measure.unit,
    )


def harmonic_mean(means: Array) -> Array:
    """Of the rows; 0 where one of them is 0."""
    with np.errstate(divide="ignore"):
        result: Array = len(means) / (1 / means).sum(axis=0)
    return result


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value
