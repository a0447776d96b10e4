"""Reports and comparisons as tables on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table

from emendo.cli.console import out
from emendo.evaluate import Figure, Report
from emendo.evaluate.compare import UNEDITED, Comparison, Difference
from emendo.evaluate.wording import (
    MAIN,
    TEACHER_FORCED,
    bounds,
    caution,
    estimate,
    heading,
    main_measures,
    measures,
    relative_norm,
    seconds_an_edit,
    with_interval,
)

# As many measures as fit beside each other on a terminal of 80 columns.
_COLUMNS = 6
_MARKS = {"above": "▲", "below": "▼"}


def print_report(report: Report) -> None:
    """One method beside the unedited model, a measure a row."""
    table = Table("95 % interval in brackets", show_edge=False, pad_edge=False)
    for side in (UNEDITED, "edited"):
        table.add_column(side, justify="right")
    table.add_column("", justify="left")
    table.add_column("n", justify="right")
    before = {figure.name: figure for figure in report.unedited}
    for figure in report.edited:
        mark = "*" if figure.teacher_forced else ""
        unedited = with_interval(before[figure.name]) if figure.name in before else "–"
        table.add_row(figure.label + mark, unedited, f"[bold]{with_interval(figure)}[/]", figure.unit, str(figure.n))
    out.print(table)
    _print_footnote(report.edited)
    refused = f", {report.refused} refused by the guard and measured unedited" if report.refused else ""
    layers = ", ".join(map(str, report.layers)) or "none"
    out.print(
        f"{report.benchmark} {report.benchmark_version}, {report.n} cases of {report.data_file} (split {report.split}, "
        f"seed {report.seed}){refused}; {report.method} at layer {layers} of {report.model}; "
        f"{report.seconds_editing:.0f} s editing, {report.seconds_scoring:.0f} s measuring.",
        style="dim",
    )


def print_comparison(comparison: Comparison, *, is_whole: bool = False) -> None:
    """Methods beneath each other, a measure a column, its interval below it.

    Args:
        comparison: Of several methods.
        is_whole: Whether the measures beside the main ones are printed as well.
    """
    reports = comparison.reports
    main, rest = main_measures(reports), [m for m in measures(reports) if m.name not in MAIN]
    out.print(_method_table(comparison, main))
    if is_whole:
        for start in range(0, len(rest), _COLUMNS):
            out.print("", _method_table(comparison, rest[start : start + _COLUMNS]))
    out.print("", _cost_table(reports), "")
    _print_footnote(main)
    first = reports[0]
    hidden = "" if is_whole or not rest else f" {len(rest)} more measures with --all-measures."
    told = f"▲ ▼ above or below {first.method} on the same cases: the 95 % interval of the difference leaves out 0."
    out.print(f"{told} {caution(first.n)}".rstrip(), style="dim")
    out.print(
        f"{first.benchmark} {first.benchmark_version}, {first.n} cases of {first.data_file} (split {first.split}, seed "
        f"{first.seed}), each edited by itself on {first.model}.{hidden}",
        style="dim",
    )


def _method_table(comparison: Comparison, shown: Sequence[Figure]) -> Table:
    table = Table("%, with its\n95 % interval", box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    for measure in shown:
        table.add_column(heading(measure).replace(", ", ",\n"), justify="right")
    first = comparison.reports[0]
    differences = {pair.method: {d.name: d for d in pair.differences} for pair in comparison.pairs}
    rows = [(UNEDITED, first.unedited), *((report.method, report.edited) for report in comparison.reports)]
    for name, figures in rows:
        own = {figure.name: figure for figure in figures}
        against_first = differences.get(name, {})
        cells = [_cell(own.get(measure.name), against_first.get(measure.name)) for measure in shown]
        table.add_row(name, *cells, style="dim" if name == UNEDITED else "")
    return table


def _cell(figure: Figure | None, difference: Difference | None) -> str:
    if figure is None:
        return "–"
    mark = ""
    if difference is not None and difference.excludes_zero:
        mark = _MARKS["above" if difference.estimate > 0 else "below"]
    return f"{mark}[bold]{estimate(figure)}[/]\n[dim]{bounds(figure)}[/]"


def _cost_table(reports: Sequence[Report]) -> Table:
    table = Table("", box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1))
    for name in ("seconds an edit", "‖Δ‖/‖W‖", "refused", "n"):
        table.add_column(name, justify="right")
    for report in reports:
        table.add_row(report.method, seconds_an_edit(report), relative_norm(report), str(report.refused), str(report.n))
    return table


def _print_footnote(figures: Sequence[Figure]) -> None:
    if any(figure.teacher_forced for figure in figures):
        out.print(TEACHER_FORCED, style="dim")
