"""`emendo eval`: measure edits on a benchmark, beside the unedited model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from emendo.cli.options import (
    DEFAULT_METHOD,
    DEFAULT_MODEL,
    CorpusOption,
    JsonOption,
    LayersOption,
    MethodOption,
    ModelOption,
    SeedOption,
    SettingsOption,
)

if TYPE_CHECKING:
    from emendo.evaluate import Figure, Report


def command(
    benchmark: Annotated[str | None, typer.Argument(help="Name of a benchmark; all are listed unless given.")] = None,
    n: Annotated[int, typer.Option("--n", "-n", min=1, help="How many cases, drawn at random with the seed.")] = 100,
    method: MethodOption = DEFAULT_METHOD,
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
        Path | None, typer.Option("--work", help="File that keeps finished cases; give it again to resume.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the report to this JSON file.")] = None,
    model: ModelOption = DEFAULT_MODEL,
    seed: SeedOption = 0,
    json: JsonOption = False,
) -> None:
    """Edit the cases of a benchmark one by one, and measure the model before and after.

    Every case is edited by itself on the original model. What each measure means stands in docs/evaluate.md.

    \b
    Example:
      emendo eval capitals --n 20
      emendo eval counterfact --n 100 --work counterfact.jsonl -o report.json
    """
    from emendo.cli import console

    if benchmark is None:
        _list_benchmarks(json)
        return
    from emendo.cli.method_settings import chosen_settings
    from emendo.evaluate import corrections, evaluate, load_cases
    from emendo.models import load_model

    config = chosen_settings(layer, settings)
    cases = load_cases(benchmark, data=data, n=None if correct else n, split=split, seed=seed)
    loaded = load_model(model)
    with console.progress_of_stages() as progress:
        if correct:
            cases = corrections(loaded, cases, n=n, progress=progress)
        report = evaluate(
            loaded, cases, method=method, config=config, corpus=corpus, seed=seed, work=work, progress=progress
        )
    if output is not None:
        report.write(output)
    if json:
        console.print_json(report.to_dict())
    else:
        _print(report)


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


def _cell(figure: Figure) -> str:
    return f"{100 * figure.estimate:.1f} ({100 * figure.low:.1f}–{100 * figure.high:.1f})"
