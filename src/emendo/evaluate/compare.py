"""Methods beside each other on the same cases: what one has over another, case by case.

With a_i and b_i the values of a measure in case i for two methods, over the cases that have both,

    difference = mean of (a_i − b_i),    for the score S(a) − S(b),    S = harmonic mean of the means of ES, PS and NS.

Its 95 % interval is the percentile bootstrap over cases, the values of a case drawn together, for both methods and all measures
in the same 10,000 resamples. What is hard or easy about a case so cancels out, and intervals are narrower than those of either
method alone. A bootstrap over equal differences has no width, and one over few cases has too little: read it beside n. Where a
measure is only ever 0 or 1, such as what is generated, two methods are said to differ only if the exact test of McNemar (1947)
says so too: of the cases in which one of them alone succeeds, both shares are equal, p > 0.05.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest

from emendo.errors import InvalidRequest
from emendo.evaluate.documents import as_json, write_whole
from emendo.evaluate.intervals import Array, known_means, resampled_means
from emendo.evaluate.metrics import SCORE, SCORE_PARTS, harmonic_mean
from emendo.evaluate.report import Report

UNEDITED = "unedited"
_ROUNDING, _MOST_P = 1e-12, 0.05


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What one method has over another in one measure.

    Attributes:
        name: Of the measure.
        label: As in tables.
        estimate: Mean of the differences, case by case; for the score the difference of the scores.
        low: Lower end of the 95 % interval.
        high: Upper end.
        n: Cases that have a value for both.
        excludes_zero: Whether the two differ beyond the draw of the cases: the interval does not hold 0, and the exact test, where
            there is one, agrees.
        teacher_forced: Whether the measure rates given words instead of what the model says.
        scale: What estimate and bounds are multiplied by when shown.
        unit: Of what is shown.
    """

    name: str
    label: str
    estimate: float
    low: float
    high: float
    n: int
    excludes_zero: bool
    teacher_forced: bool
    scale: float = 100.0
    unit: str = "%"


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two methods on the same cases.

    Attributes:
        method: The one.
        against: The other, or "unedited".
        n: Cases that both have.
        differences: By measure, method minus other.
    """

    method: str
    against: str
    n: int
    differences: tuple[Difference, ...]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Reports of methods on the same cases, and how they differ.

    Attributes:
        benchmark: Its name.
        command: The command line that made it; empty where it is not known.
        date: When, as ISO 8601 writes it; empty where it is not known.
        seed: Of the edits and of the bootstrap.
        n: Cases.
        reports: One a method.
        pairs: Every other method against the first.
        against_unedited: Every method against the unedited model.
    """

    benchmark: str
    command: str
    date: str
    seed: int
    n: int
    reports: tuple[Report, ...]
    pairs: tuple[Pair, ...]
    against_unedited: tuple[Pair, ...]

    def to_dict(self) -> dict[str, Any]:
        """The comparison as JSON takes it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Comparison:
        """The comparison that `to_dict` wrote, or that of a single report that `Report.write` did."""
        if "reports" not in fields:
            fields = {"reports": [fields]}
        reports = tuple(Report.from_dict(report) for report in fields["reports"])
        return cls(
            benchmark=reports[0].benchmark,
            command=fields.get("command", ""),
            date=fields.get("date", ""),
            seed=reports[0].seed,
            n=reports[0].n,
            reports=reports,
            pairs=tuple(_pair(pair) for pair in fields.get("pairs", ())),
            against_unedited=tuple(_pair(pair) for pair in fields.get("against_unedited", ())),
        )

    def write(self, path: Path) -> None:
        """Write the comparison as a JSON file, whole or not at all."""
        write_whole(path, as_json(self.to_dict()))

    @classmethod
    def read(cls, path: Path) -> Comparison:
        """The comparison in a file that `emendo eval` wrote, or the report in one that `Report.write` did.

        Raises:
            InvalidRequest: It is another file.
        """
        try:
            return cls.from_dict(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise InvalidRequest(f"'{path.name}' is not a report of 'emendo eval'; give a file that it wrote.") from error


def compare_methods(reports: Sequence[Report], *, command: str, date: str) -> Comparison:
    """The methods beside each other: each against the first, and each against the unedited model.

    Args:
        reports: One a method, at least one; the first is what the others are compared with.
        command: The command line that made them.
        date: Today, as ISO 8601 writes it.

    Raises:
        InvalidRequest: The reports are of other cases or of other weights, or keep no values of cases.
    """
    first = reports[0]
    return Comparison(
        benchmark=first.benchmark,
        command=command,
        date=date,
        seed=first.seed,
        n=first.n,
        reports=tuple(reports),
        pairs=tuple(compare(report, first, seed=first.seed) for report in reports[1:]),
        against_unedited=tuple(compare_unedited(report, seed=first.seed) for report in reports),
    )


def compare(report: Report, against: Report, *, seed: int = 0) -> Pair:
    """What a method has over another on the cases that both reports hold.

    Args:
        report: Of the method.
        against: Of the other.
        seed: Of the bootstrap.

    Raises:
        InvalidRequest: They are of other cases or of other weights, or keep no values of cases.
    """
    for what in ("benchmark", "data_digest", "model_digest"):
        own, other = getattr(report, what), getattr(against, what)
        if own != other:
            raise InvalidRequest(
                f"The reports of {report.method} and {against.method} differ in their {what.replace('_', ' ')} "
                f"({own}, {other}); compare reports of the same cases and the same model."
            )
    places = {case: at for at, case in enumerate(_ids(against))}
    shared = [(at, places[case]) for at, case in enumerate(_ids(report)) if case in places]
    if not shared:
        raise InvalidRequest(
            f"The reports of {report.method} and {against.method} share no case; make both with the same --n, --split and --seed."
        )
    own, other = (
        {
            name: np.array([np.nan if values[i] is None else values[i] for i in chosen], float)
            for name, values in side.items()
        }
        for side, chosen in zip((report.edited_values, against.edited_values), zip(*shared, strict=True), strict=True)
    )
    return Pair(
        method=report.method,
        against=against.method,
        n=len(shared),
        differences=_differences(report, own, other, seed=seed),
    )


def compare_unedited(report: Report, *, seed: int = 0) -> Pair:
    """What a method has over the unedited model on its cases.

    Raises:
        InvalidRequest: The report keeps no values of cases.
    """
    _ids(report)
    own, other = (
        {name: np.array([np.nan if value is None else value for value in values], float) for name, values in side.items()}
        for side in (report.edited_values, report.unedited_values)
    )
    differences = _differences(report, own, other, seed=seed)
    return Pair(method=report.method, against=UNEDITED, n=len(report.case_ids), differences=differences)


def _ids(report: Report) -> tuple[str, ...]:
    if not report.case_ids:
        raise InvalidRequest(
            f"The report of {report.method} keeps no values of its cases, so nothing can be paired; run 'emendo eval' again."
        )
    return report.case_ids


def _differences(
    report: Report, own: Mapping[str, Array], other: Mapping[str, Array], *, seed: int
) -> tuple[Difference, ...]:
    """By measure in the order of the report; values by measure, the same cases on both sides."""
    shared = [figure.name for figure in report.edited if figure.name in own and figure.name in other]
    rows = [own[name] - other[name] for name in shared]
    has_score = all(name in shared for name in SCORE_PARTS)
    if has_score:
        # A value that one side lacks is left out on the other as well.
        missing = [0 * (own[name] + other[name]) for name in SCORE_PARTS]
        rows += [side[name] + gap for side in (own, other) for name, gap in zip(SCORE_PARTS, missing, strict=True)]
    if not rows:
        return ()
    values = np.stack(rows)
    means, resampled = known_means(values)[:, None], resampled_means(values, seed=seed)
    counts = (~np.isnan(values)).sum(axis=1)
    found = []
    for figure in report.edited:
        if figure.name == SCORE and has_score:
            at = len(shared)
            estimate = _score_difference(means[at:])
            drawn, n = _score_difference(resampled[at:]), int((~np.isnan(values[at:])).any(axis=0).sum())
        elif figure.name in shared:
            at = shared.index(figure.name)
            estimate, drawn, n = means[at], resampled[at], int(counts[at])
        else:
            continue
        if n == 0:
            continue
        low, high = np.percentile(drawn[~np.isnan(drawn)], [2.5, 97.5])
        found.append(
            Difference(
                name=figure.name,
                label=figure.label,
                estimate=float(estimate[0]),
                low=float(low),
                high=float(high),
                n=n,
                excludes_zero=bool(low > _ROUNDING or high < -_ROUNDING)
                and (figure.name == SCORE or _exact_p(own[figure.name], other[figure.name]) <= _MOST_P),
                teacher_forced=figure.teacher_forced,
                scale=figure.scale,
                unit=figure.unit,
            )
        )
    return tuple(found)


def _exact_p(own: Array, other: Array) -> float:
    """McNemar's exact p for values that are 0 or 1 where both are known; 0 where they are not, and nothing can be said."""
    known = ~np.isnan(own - other)
    if not np.isin(np.concatenate([own[known], other[known]]), (0, 1)).all():
        return 0.0
    ahead, behind = int((own[known] > other[known]).sum()), int((own[known] < other[known]).sum())
    return float(binomtest(ahead, ahead + behind).pvalue) if ahead + behind else 1.0


def _score_difference(means: Array) -> Array:
    """Of means (twice the parts × resamples): the score of the first half less that of the second."""
    half = len(SCORE_PARTS)
    result: Array = harmonic_mean(means[:half]) - harmonic_mean(means[half:])
    return result


def _pair(fields: Mapping[str, Any]) -> Pair:
    return Pair(**{**fields, "differences": tuple(Difference(**difference) for difference in fields["differences"])})
