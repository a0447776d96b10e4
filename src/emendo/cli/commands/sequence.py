"""`emendo sequence`: edit one model over and over, and measure what is left."""

from __future__ import annotations

import shlex
import sys
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from emendo.cli.options import (
    DEFAULT_METHOD,
    DEFAULT_MODEL,
    CorpusOption,
    JsonOption,
    LayersOption,
    ModelOption,
    SeedOption,
    SettingsOption,
)


def command(
    benchmark: Annotated[str, typer.Argument(help="Where the facts come from; 'emendo eval' lists them.")] = "capitals",
    n: Annotated[int, typer.Option("--n", "-n", min=1, help="How many edits, drawn at random with the seed.")] = 100,
    methods: Annotated[
        str, typer.Option("--methods", "--method", help="Editing methods, separated by commas.", rich_help_panel="Method")
    ] = DEFAULT_METHOD,
    batches: Annotated[
        str,
        typer.Option("--batch", help="How many edits are solved together; 1 is one after another, '1,100' is both in turn."),
    ] = "1",
    points: Annotated[
        str, typer.Option("--points", help="After how many edits, and their batch, is measured.")
    ] = "1,10,100,1000",
    measured: Annotated[int, typer.Option("--measured", min=1, help="Most facts that are asked again at a point.")] = 100,
    layer: LayersOption = None,
    settings: SettingsOption = None,
    corpus: CorpusOption = "python",
    data: Annotated[str | None, typer.Option("--data", help="The benchmark's file.")] = None,
    split: Annotated[
        Literal["all", "tune", "report"], typer.Option("--split", help="Part of the file that facts are drawn from.")
    ] = "all",
    text: Annotated[
        Path | None, typer.Option("--text", help="Plain text for the perplexity; WikiText-2's test part unless given.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the curves to this JSON file.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write a page to read.")] = None,
    plot: Annotated[Path | None, typer.Option("--plot", help="Draw the curves (.png or .svg).")] = None,
    model: ModelOption = DEFAULT_MODEL,
    seed: SeedOption = 0,
    json: JsonOption = False,
) -> None:
    """Make many edits of one model, and measure after 1, 10, 100, … of them what still holds and what became of the model.

    A run that was stopped goes on where it was, and so does one that is given more methods or points: what the file given with
    --output holds already is not measured again.

    \b
    Example:
      emendo sequence capitals --n 20 --text book.txt
      emendo sequence counterfact --n 1000 --methods hidden_unit,memit --batch 1,100 -o sequence.json --plot sequence.png
    """
    from emendo.cli import console
    from emendo.cli.method_settings import check_methods, chosen_settings, settings_of
    from emendo.edit import METHODS
    from emendo.errors import UnknownName
    from emendo.evaluate import load_cases
    from emendo.evaluate.ability import WIKITEXT, read_text
    from emendo.evaluate.data import find_data
    from emendo.evaluate.documents import as_json, writable, write_whole
    from emendo.evaluate.sequence import edit_in_sequence
    from emendo.evaluate.sequence_document import as_curve, basis_of, known_points, read_document
    from emendo.evaluate.sequence_figure import draw_sequence
    from emendo.evaluate.sequence_page import sequence_page
    from emendo.models import load_model

    names = [name.strip() for name in methods.split(",") if name.strip()]
    for name in names:
        if name not in METHODS.names():
            raise UnknownName("method", name, METHODS.names())
    ends, sizes = _numbers(points), _numbers(batches)
    for path in (output, html, plot):
        if path is not None:
            writable(path)
    config = chosen_settings(layer, settings)
    check_methods(config, names)
    cases = load_cases(benchmark, data=data, n=n, split=split, seed=seed).core()
    plain = read_text(find_data(WIKITEXT, None, chosen=None if text is None else str(text)))
    loaded = load_model(model)
    document: dict[str, Any] = {
        "benchmark": cases.benchmark,
        "command": shlex.join(["emendo", *sys.argv[1:]]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": loaded.name,
        "model_digest": loaded.digest,
        "seed": seed,
    }
    before = {} if output is None else read_document(output)
    runs = []
    for name, size in product(names, sizes):
        how: dict[str, Any] = {"config": settings_of(name, config), "batch": size, "measured": measured}
        how |= {"corpus": corpus, "seed": seed}
        basis = basis_of(loaded, cases, method=name, text=plain, **how)
        runs.append((name, how, basis, {point.edits: point for point in known_points(before, basis)}))
    with console.progress_of_stages() as progress:
        for name, how, _, found in runs:
            if found:
                after = ", ".join(f"{edits:,}" for edits in found)
                console.err.print(f"{name}, {how['batch']:,} at a time: '{output}' holds what came after {after} edits.")
            refused = 0
            for point in edit_in_sequence(
                loaded, cases, method=name, text=plain, points=ends, known=[*found.values()], progress=progress, **how
            ):
                if point.refused > refused:
                    console.err.print(
                        f"{name}: {point.refused:,} of {point.edits:,} edits were refused, the last of them because: "
                        f"{point.refusal}"
                    )
                refused = point.refused
                found[point.edits] = point
                document["methods"] = [
                    as_curve(method, of["config"], of["batch"], own, [points[edits] for edits in sorted(points)])
                    for method, of, own, points in runs
                    if points
                ]
                # Points are hours apart: whoever stops has those before.
                if output is not None:
                    write_whole(output, as_json(document))
                if plot is not None:
                    draw_sequence(document, plot)
                if html is not None:
                    write_whole(html, sequence_page(document))
    if json:
        console.print_json(document)
    else:
        _print(document)


def _numbers(text: str) -> list[int]:
    from emendo.errors import InvalidRequest

    try:
        return [int(number) for number in text.split(",")]
    except ValueError as error:
        raise InvalidRequest(f"'{text}' are no numbers of edits; write 1,10,100.") from error


def _print(document: dict[str, Any]) -> None:
    from rich.table import Table

    from emendo.cli.console import out
    from emendo.evaluate.sequence_figure import read_curves
    from emendo.evaluate.wording import with_interval

    shown = {"score": "S*", "generation_completion": "completion", "generation_chat": "chat"}
    table = Table(
        "method", "edits", *shown.values(), "perplexity ×", "‖Δ‖/‖W‖", "s an edit", show_edge=False, pad_edge=False
    )
    for curve in read_curves(document):
        for point in curve.points:
            cells = [with_interval(point.figures[name]) if name in point.figures else "–" for name in shown]
            ratio = f"{point.perplexity_ratio:.3f} ({point.perplexity_low:.3f}–{point.perplexity_high:.3f})"
            edits = f"{point.edits}{', collapsed' if point.collapsed else ''}"
            table.add_row(curve.label, edits, *cells, ratio, f"{point.relative_norm:.3f}", f"{point.seconds_an_edit:.2f}")
    out.print(table)
    out.print("* teacher-forced: how the model rates given words, not what it says", style="dim")
    out.print(
        f"{document['benchmark']}, % of at most so many facts as --measured says (95 % interval), on {document['model']}.",
        style="dim",
    )
