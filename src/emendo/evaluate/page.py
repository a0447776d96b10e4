"""A comparison of methods as one HTML file that needs nothing else: no scripts, no fonts, no network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emendo.evaluate import wording
from emendo.evaluate.answers import AnsweredCase
from emendo.evaluate.compare import UNEDITED, Comparison, Difference, Pair
from emendo.evaluate.forest import Row, forest
from emendo.evaluate.metrics import Figure
from emendo.evaluate.report import Report


@dataclass(frozen=True, kw_only=True)
class _Side:
    """A row of the table of methods."""

    label: str
    figures: Mapping[str, Figure]
    is_aside: bool


def comparison_page(comparison: Comparison, *, answers: Mapping[str, Sequence[AnsweredCase]] | None = None) -> str:
    """The page's HTML; names and answers may hold any text.

    Args:
        comparison: Of one method or several.
        answers: By method, what was said about each case, if it is to be read.
    """
    reports = comparison.reports
    first = reports[0]
    sides = [_Side(label=UNEDITED, figures=_by_name(first.unedited), is_aside=True)]
    sides += [_Side(label=report.method, figures=_by_name(report.edited), is_aside=False) for report in reports]
    measures = wording.measures(reports)
    compared = _compared(comparison, measures)
    what = first.method if len(reports) == 1 else f"{len(reports)} methods"
    return render(
        "comparison.html",
        title=f"{what} on {comparison.benchmark}",
        introduction=_introduction(first),
        comparison=comparison,
        facts=_facts(comparison),
        sides=[(side.label, side.figures, side.is_aside) for side in sides],
        free=[measure for measure in measures if not measure.teacher_forced],
        forced=[measure for measure in measures if measure.teacher_forced],
        compared_free=[measure for measure in compared if not measure.teacher_forced],
        compared_forced=[measure for measure in compared if measure.teacher_forced],
        figure_plots={measure.name: _figure_plot(measure, sides) for measure in measures},
        difference_plots=_difference_plots(comparison, measures),
        caution=wording.caution(comparison.n),
        answers=answers or {},
        cases_with=lambda measure: wording.counts([s.figures[measure.name].n for s in sides if measure.name in s.figures]),
        differences_of=_differences,
        kind_of=_kind,
        estimate=wording.estimate,
        bounds=wording.bounds,
        seconds_an_edit=wording.seconds_an_edit,
        relative_norm=wording.relative_norm,
        plain=lambda value: json.dumps(value, ensure_ascii=False),
        visible=_visible,
    )


def render(template: str, **values: Any) -> str:
    """A page from one of the templates beside this module; every value is escaped unless it is an SVG element."""
    from jinja2 import Environment, PackageLoader

    loader = PackageLoader("emendo.evaluate", "templates")
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template(template).render(**values)


def _introduction(report: Report) -> str:
    if report.refused == report.n:
        return "Every edit was refused by the guard, so the figures are those of the unedited model."
    cases = "1 case" if report.n == 1 else f"{report.n} cases"
    return (
        f"{cases}, each edited by itself on the original {report.model}, and asked before and after. "
        "Every figure stands with its 95 % interval and the number of cases behind it."
    )


def _facts(comparison: Comparison) -> list[tuple[str, str, bool]]:
    """Names, values, and whether a value is set as code."""
    first = comparison.reports[0]
    versions = ", ".join(f"{name} {version}" for name, version in first.versions.items())
    facts = [
        ("model", first.model, False),
        ("weights", f"SHA-256 {first.model_digest}", True),
        ("benchmark", f"{comparison.benchmark}, version {first.benchmark_version}", False),
        ("data", f"{first.data_file}, split {first.split}", False),
        ("data digest", f"SHA-256 {first.data_digest}", True),
        ("cases", f"{comparison.n}, drawn with seed {first.draw_seed}", False),
        ("seed", f"{comparison.seed}, of the edits and of the bootstrap", False),
        ("versions", versions, False),
        ("date", comparison.date, False),
        ("command", comparison.command, True),
    ]
    return [(name, value or "not recorded", is_code and bool(value)) for name, value, is_code in facts]


def _compared(comparison: Comparison, measures: Sequence[Figure]) -> list[Figure]:
    """The measures that some pair has a difference in."""
    pairs = (*comparison.pairs, *comparison.against_unedited)
    known = {difference.name for pair in pairs for difference in pair.differences}
    return [measure for measure in measures if measure.name in known]


def _figure_plot(measure: Figure, sides: Sequence[_Side]) -> str:
    rows = []
    for side in sides:
        figure = side.figures.get(measure.name)
        if figure is None:
            continue
        rows.append(_row(figure, side.label, "aside" if side.is_aside else ""))
    # A share may be anything from none to all, so its axis is the same everywhere.
    return forest(measure.label, rows, ends=(0.0, 100.0) if measure.unit == "%" else None)


def _difference_plots(comparison: Comparison, measures: Sequence[Figure]) -> dict[str, str]:
    drawn = {}
    for measure in measures:
        found = [(pair.method, _differences(pair).get(measure.name)) for pair in comparison.pairs]
        rows = [_row(difference, method, _kind(difference)) for method, difference in found if difference is not None]
        if rows:
            title = f"{measure.label}, difference from {comparison.pairs[0].against}"
            drawn[measure.name] = forest(title, rows, has_zero=True)
    return drawn


def _row(measure: Figure | Difference, label: str, kind: str) -> Row:
    return Row(
        label=label,
        estimate=measure.estimate * measure.scale,
        low=measure.low * measure.scale,
        high=measure.high * measure.scale,
        text=wording.estimate(measure),
        told=f"{label}: {wording.with_interval(measure)} {measure.unit}, n {measure.n}",
        kind=kind,
    )


def _by_name(figures: Sequence[Figure]) -> dict[str, Figure]:
    return {figure.name: figure for figure in figures}


def _differences(pair: Pair) -> dict[str, Difference]:
    return {difference.name: difference for difference in pair.differences}


def _kind(difference: Difference) -> str:
    """Of a row or cell: where its interval lies."""
    if not difference.excludes_zero:
        return "even"
    return "above" if difference.estimate > 0 else "below"


def _visible(text: str) -> str:
    """A text as it can stand on a page: a model may emit characters that HTML does not allow."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text.strip())
