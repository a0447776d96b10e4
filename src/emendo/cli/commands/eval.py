"""`emendo eval`: measure edits on a benchmark, beside the unedited model."""

from __future__ import annotations

import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from emendo.cli.options import (
    DEFAULT_METHOD,
    DEFAULT_MODEL,
    CorpusOption,
    ExecutorOption,
    JsonOption,
    LayersOption,
    ModelOption,
    SeedOption,
    SettingsOption,
    WorkersOption,
)


def command(
    benchmark: Annotated[str | None, typer.Argument(help="Name of a benchmark; all are listed unless given.")] = None,
    n: Annotated[int, typer.Option("--n", "-n", min=1, help="How many cases, drawn at random with the seed.")] = 100,
    methods: Annotated[
        str,
        typer.Option(
            "--methods",
            "--method",
            help="How to compute the edits, or to answer; several, separated by commas, or 'all'. The first is what the "
            "others are compared with.",
            rich_help_panel="Method",
        ),
    ] = DEFAULT_METHOD,
    layer: LayersOption = None,
    settings: SettingsOption = None,
    corpus: CorpusOption = "python",
    data: Annotated[
        str | None, typer.Option("--data", help="The benchmark's file, or 'hub' to fetch its public set.")
    ] = None,
    split: Annotated[
        Literal["all", "tune", "report"],
        typer.Option("--split", help="Cases to choose settings on (tune), or none of those (report)."),
    ] = "all",
    correct: Annotated[
        bool, typer.Option("--correct", help="Take the facts that the model has wrong in chat, and set them right.")
    ] = False,
    core: Annotated[
        bool,
        typer.Option("--core", help="Leave out what is asked besides, such as other relations and truth: 3 times as fast."),
    ] = False,
    work: Annotated[
        Path | None, typer.Option("--work", help="Folder that keeps finished cases; give it again to resume.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the figures and every case's values to this JSON file.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a page to read: tables, plots, and what the model said.")
    ] = None,
    all_measures: Annotated[
        bool, typer.Option("--all-measures", help="Print the other measures of several methods as well.")
    ] = False,
    executor: ExecutorOption = None,
    workers: WorkersOption = 1,
    model: ModelOption = DEFAULT_MODEL,
    seed: SeedOption = 0,
    json: JsonOption = False,
) -> None:
    """Edit the cases of a benchmark one by one, and measure the model before and after.

    Every case is edited by itself on the original model. Several methods are measured on the same cases and compared case by
    case. What each measure means stands in docs/evaluate.md.

    \b
    Example:
      emendo eval capitals --n 20
      emendo eval counterfact --n 100 --work counterfact-work -o report.json
      emendo eval counterfact --n 50 --methods hidden_unit,rome,in_context --html methods.html
    """
    from emendo.cli import console

    if benchmark is None:
        _list_benchmarks(json)
        return
    from emendo.cli.evaluation_tables import print_comparison, print_report
    from emendo.cli.method_settings import check_methods, chosen_methods, chosen_settings, settings_of
    from emendo.edit import METHODS
    from emendo.evaluate import ANSWERING, Trial, corrections, evaluate_each, load_cases
    from emendo.evaluate.answers import answered
    from emendo.evaluate.compare import compare_methods
    from emendo.evaluate.documents import writable, write_whole
    from emendo.evaluate.page import comparison_page
    from emendo.models import load_model
    from emendo.pieces import Crew

    config = chosen_settings(layer, settings)
    names = chosen_methods(methods, [*METHODS.names(), *ANSWERING.names()])
    check_methods(config, names)
    for path in (output, html):
        if path is not None:
            writable(path)
    cases = load_cases(benchmark, data=data, n=None if correct else n, split=split, seed=seed)
    if core:
        cases = cases.core()
    loaded = load_model(model)
    with console.progress_of_stages() as progress:
        if correct:
            cases = corrections(loaded, cases, n=n, progress=progress)
        trials = [
            Trial(method=name, config=settings_of(name, config) if name in METHODS.names() else None) for name in names
        ]
        found = evaluate_each(
            loaded,
            cases,
            trials,
            crew=Crew.of(executor, workers),
            corpus=corpus,
            seed=seed,
            work=work,
            progress=progress,
        )
    reports = found.reports
    comparison = compare_methods(reports, command=shlex.join(["emendo", *sys.argv[1:]]), date=_now())
    if output is not None:
        comparison.write(output)
    if html is not None:
        answers = {
            name: answered(cases, results, found.unedited) for name, results in zip(names, found.results, strict=True)
        }
        write_whole(html, comparison_page(comparison, answers=answers))
    if json:
        console.print_json(comparison.to_dict())
    elif len(reports) > 1:
        print_comparison(comparison, is_whole=all_measures)
    else:
        print_report(reports[0])


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _list_benchmarks(json: bool) -> None:
    from rich.table import Table

    from emendo.cli import console
    from emendo.evaluate import BENCHMARKS

    plugins = [(name, BENCHMARKS.get(name)) for name in BENCHMARKS.names()]
    if json:
        console.print_json(
            [{"name": name, "summary": p.SUMMARY, "version": p.VERSION, "licence": p.LICENSE} for name, p in plugins]
        )
        return
    table = Table("benchmark", "what", "version", "licence", show_edge=False, pad_edge=False)
    for name, plugin in plugins:
        table.add_row(name, plugin.SUMMARY, plugin.VERSION, plugin.LICENSE)
    console.out.print(table)
