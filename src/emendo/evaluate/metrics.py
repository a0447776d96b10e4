"""What is measured of a case, with the formulas; one value in [0, 1] a case and measure.

With p(t | x) = exp(−nll), the geometric mean of the probabilities of the tokens of t, teacher-forced; t_new the new target,
t_rival what it is compared with (CounterFact's true target), and t_true a neighbour's own true target:

    efficacy      ES  p(t_new | x) > p(t_rival | x) at the prompt of the request
                  EM  every token of t_new is the likeliest there
    paraphrase    PS, PM  the same, share of the paraphrases
    neighborhood  NS  p(t_true | x) > p(t_new | x), share of the neighbours
                  NM  every token of t_true is the likeliest, share of the neighbours
    score         S   harmonic mean of the means of ES, PS and NS over the cases
    generation    t_new stands in the greedy answer (≤ 32 tokens) and t_rival does not stand before it
    stop          the model ended that answer by itself

ES, PS, NS and S are those of Meng et al. (2022). All but generation and stop are teacher-forced: they ask how the model
rates given words, not what it says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from emendo.evaluate.intervals import Array, Interval, bootstrap, wilson
from emendo.evaluate.observation import Answer, Comparison, Observation

SCORE = "score"
Value = Callable[[Observation, Observation], float | None]


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One measure.

    Attributes:
        name: As in reports.
        label: As in tables.
        teacher_forced: Whether it rates given words instead of what the model says.
        is_binary: Whether a case either has it or has not.
        value: Its value for a case, from what was seen with the edit and without it; None where the case has nothing to measure
            it on.
    """

    name: str
    label: str
    teacher_forced: bool
    is_binary: bool
    value: Value


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
        interval: "wilson" for shares of cases, "bootstrap" for means of shares and for the score.
        teacher_forced: Whether it rates given words instead of what the model says.
        scale: What estimate and bounds are multiplied by when shown.
        unit: Of what is shown.
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


def _likelier(comparisons: Sequence[Comparison]) -> float | None:
    return sum(c.is_likelier for c in comparisons) / len(comparisons) if comparisons else None


def _argmax(comparisons: Sequence[Comparison]) -> float | None:
    return sum(c.wanted.is_argmax for c in comparisons) / len(comparisons) if comparisons else None


def _named(answers: Sequence[Answer]) -> float | None:
    return sum(a.is_success for a in answers) / len(answers) if answers else None


def _forced(name: str, label: str, value: Value, *, is_binary: bool = False) -> Measure:
    return Measure(name=name, label=label, teacher_forced=True, is_binary=is_binary, value=value)


def _free(name: str, label: str, value: Value, *, is_binary: bool = True) -> Measure:
    return Measure(name=name, label=label, teacher_forced=False, is_binary=is_binary, value=value)


MEASURES = (
    _forced("efficacy_probability", "efficacy, probability (ES)", lambda o, _: float(o.rewrite.is_likelier), is_binary=True),
    _forced("efficacy_argmax", "efficacy, argmax (EM)", lambda o, _: float(o.rewrite.wanted.is_argmax), is_binary=True),
    _forced("paraphrase_probability", "paraphrase, probability (PS)", lambda o, _: _likelier(o.paraphrases)),
    _forced("paraphrase_argmax", "paraphrase, argmax (PM)", lambda o, _: _argmax(o.paraphrases)),
    _forced("neighborhood_probability", "neighborhood, probability (NS)", lambda o, _: _likelier(o.neighbours)),
    _forced("neighborhood_argmax", "neighborhood, argmax (NM)", lambda o, _: _argmax(o.neighbours)),
    _free("generation_completion", "generation, completion", lambda o, _: float(o.completion.is_success)),
    _free("generation_chat", "generation, chat", lambda o, _: float(o.chat.is_success)),
    _free("generation_questions", "generation, other questions", lambda o, _: _named(o.questions), is_binary=False),
    _free("stop_completion", "stops by itself, completion", lambda o, _: float(o.completion.is_stopped)),
    _free("stop_chat", "stops by itself, chat", lambda o, _: float(o.chat.is_stopped)),
)
SCORE_PARTS = ("efficacy_probability", "paraphrase_probability", "neighborhood_probability")


def case_values(observations: Sequence[Observation], unedited: Sequence[Observation]) -> dict[str, tuple[float | None, ...]]:
    """By measure, the value of each case; measures that no case has a value for are left out.

    Args:
        observations: One for each case.
        unedited: What was seen of the same cases without an edit.
    """
    pairs = list(zip(observations, unedited, strict=True))
    values = {m.name: tuple(m.value(after, before) for after, before in pairs) for m in MEASURES}
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
        found.append(_figure(SCORE, "score (S)", interval, teacher_forced=True))
    for measure in MEASURES:
        if measure.name not in values:
            continue
        known = values[measure.name][~np.isnan(values[measure.name])]
        if measure.is_binary or set(known.tolist()) in ({0.0}, {1.0}):
            interval = wilson(int(known.sum()), len(known))
        else:
            interval = bootstrap(known[None], lambda means: means[0], seed=seed)
        found.append(_figure(measure.name, measure.label, interval, teacher_forced=measure.teacher_forced))
    return tuple(found)


def _figure(name: str, label: str, interval: Interval, *, teacher_forced: bool) -> Figure:
    return Figure(
        name=name,
        label=label,
        estimate=interval.estimate,
        low=interval.low,
        high=interval.high,
        n=interval.n,
        interval=interval.kind,
        teacher_forced=teacher_forced,
    )


def harmonic_mean(means: Array) -> Array:
    """Of the rows; 0 where one of them is 0."""
    with np.errstate(divide="ignore"):
        result: Array = len(means) / (1 / means).sum(axis=0)
    return result


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value
