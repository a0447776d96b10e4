"""`emendo eval`: measure edits on a benchmark, beside the unedited model."""

from __future__ import annotations

import json as writer
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

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

if TYPE_CHECKING:
    from emendo.evaluate import Figure, Report
    from emendo.evaluate.observation import Observation


def command(
    benchmark: Annotated[str | None, typer.Argument(help="Name of a benchmark; all are listed unless given.")] = None,
    n: Annotated[int, typer.Option("--n", "-n", min=1, help="How many cases, drawn at random with the seed.")] = 100,
    method: Annotated[
        str,
        typer.Option(
            "--method",
            help="How to compute the edits, or to answer; several, separated by commas, or 'all'.",
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
    work: Annotated[
        Path | None, typer.Option("--work", help="Folder that keeps finished cases; give it again to resume.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the report to this JSON file.")] = None,
    executor: ExecutorOption = None,
    workers: WorkersOption = 1,
    model: ModelOption = DEFAULT_MODEL,
    seed: SeedOption = 0,
    json: JsonOption = False,
) -> None:
    """Edit the cases of a benchmark one by one, and measure the model before and after.

    Every case is edited by itself on the original model. What each measure means stands in docs/evaluate.md.

    \b
    Example:
      emendo eval capitals --n 20
      emendo eval counterfact --n 100 --work counterfact-work -o report.json
      emendo eval counterfact --n 50 --method two_layer,rome,in_context
    """
    from emendo.cli import console

    if benchmark is None:
        _list_benchmarks(json)
        return
    from emendo.cli.method_settings import chosen_settings
    from emendo.edit import METHODS
    from emendo.evaluate import corrections, evaluate, load_cases
    from emendo.models import load_model

    config, methods = chosen_settings(layer, settings), _methods(method)
    cases = load_cases(benchmark, data=data, n=None if correct else n, split=split, seed=seed)
    loaded = load_model(model)
    with console.progress_of_stages() as progress:
        if correct:
            cases = corrections(loaded, cases, n=n, progress=progress)
        unedited: dict[str, Observation] = {}
        reports = []
        for name in methods:
            own = config if name in METHODS.names() else None
            report = evaluate(
                loaded,
                cases,
                method=name,
                config=own,
                corpus=corpus,
                seed=seed,
                work=work,
                unedited=unedited,
                executor=executor,
                workers=workers,
                progress=progress,
            )
            reports.append(report)
    if len(reports) > 1:
        told = {"command": f"emendo {' '.join(sys.argv[1:])}", "reports": [report.to_dict() for report in reports]}
    else:
        told = reports[0].to_dict()
    if output is not None:
        output.write_text(writer.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if json:
        console.print_json(told)
    elif len(reports) > 1:
        _print_beside_each_other(reports)
    else:
        _print(reports[0])


def _methods(text: str) -> list[str]:
    """The methods that an option names."""
    from emendo.edit import METHODS
    from emendo.evaluate import ANSWERING

    return [*METHODS.names(), *ANSWERING.names()] if text == "all" else [name for name in text.split(",") if name]


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


def _print(report: Report) -> None:
    from rich.table import Table

    from emendo.cli.console import out

    table = Table("% (95 % interval)", show_edge=False, pad_edge=False)
    for side in ("unedited", "edited"):
        table.add_column(side, justify="right")
    table.add_column("n", justify="right")
    for before, after in zip(report.unedited, report.edited, strict=True):
        mark = "*" if after.teacher_forced else ""
        table.add_row(after.label + mark, _cell(before), f"[bold]{_cell(after)}[/]", str(after.n))
    out.print(table)
    out.print("* teacher-forced: how the model rates given words, not what it says", style="dim")
    refused = f", {report.refused} refused by the guard and measured unedited" if report.refused else ""
    layers = ", ".join(map(str, report.layers)) or "none"
    out.print(
        f"{report.benchmark} {report.benchmark_version}, {report.n} cases of {report.data_file} (split {report.split}, "
        f"seed {report.seed}){refused}; {report.method} at layer {layers} of {report.model}; "
        f"{report.seconds_editing:.0f} s editing, {report.seconds_scoring:.0f} s measuring.",
        style="dim",
    )


def _print_beside_each_other(reports: list[Report]) -> None:
    from rich.table import Table

    from emendo.cli.console import out

    shown = {
        "score": "S*",
        "efficacy_probability": "ES*",
        "paraphrase_probability": "PS*",
        "neighborhood_probability": "NS*",
        "generation_completion": "completion",
        "generation_chat": "chat",
    }
    table = Table("% (95 % interval)", show_edge=False, pad_edge=False)
    for heading in (*shown.values(), "s an edit", "‖Δ‖/‖W‖", "refused"):
        table.add_column(heading, justify="right")
    unedited = {figure.name: figure for figure in reports[0].unedited}
    table.add_row("unedited", *(_cell(unedited[name]) if name in unedited else "–" for name in shown), "", "", "")
    for report in reports:
        figures = {figure.name: figure for figure in report.edited}
        norm = report.edit_medians.get("relative_norm")
        costs = ["–", "–"] if norm is None else [f"{report.seconds_editing / report.n:.2f}", f"{norm:.3f}"]
        cells = [_cell(figures[name]) if name in figures else "–" for name in shown]
        table.add_row(report.method, *cells, *costs, str(report.refused))
    out.print(table)
    out.print("* teacher-forced: how the model rates given words, not what it says", style="dim")
    first = reports[0]
    out.print(
        f"{first.benchmark} {first.benchmark_version}, {first.n} cases of {first.data_file} (split {first.split}, seed "
        f"{first.seed}), each edited by itself on {first.model}.",
        style="dim",
    )


def _cell(figure: Figure) -> str:
    return f"{100 * figure.estimate:.1f} ({100 * figure.low:.1f}–{100 * figure.high:.1f})"
