"""`emendo sequence`: edit one model over and over, and measure what is left."""

from __future__ import annotations

import shlex
import sys
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

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
    from emendo.evaluate.sequence import SequencePoint


def command(
    benchmark: Annotated[str, typer.Argument(help="Where the facts come from; 'emendo eval' lists them.")] = "capitals",
    n: Annotated[int, typer.Option("--n", "-n", min=1, help="How many edits, drawn at random with the seed.")] = 100,
    methods: Annotated[
        str,
        typer.Option(
            "--methods", "--method", help="Editing methods, separated by commas, or 'all'.", rich_help_panel="Method"
        ),
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
    plot: Annotated[Path | None, typer.Option("--plot", help="Draw the curves (.png, .svg or .pdf).")] = None,
    executor: ExecutorOption = None,
    workers: WorkersOption = 1,
    model: ModelOption = DEFAULT_MODEL,
    seed: SeedOption = 0,
    json: JsonOption = False,
) -> None:
    """Make many edits of one model, and measure after 1, 10, 100, … of them what still holds and what became of the model.

    A run that was stopped goes on where it was, and so does one that is given more methods or points: what the file given with
    --output holds already is not measured again. Workers take a curve each, which is in the file when all of it is measured.

    \b
    Example:
      emendo sequence capitals --n 20 --text book.txt
      emendo sequence counterfact --n 1000 --methods hidden_unit,memit --batch 1,100 -o sequence.json --plot sequence.png
      emendo sequence counterfact --n 1000 --methods rome,memit,alphaedit --workers 3 -o sequence.json
    """
    from emendo.cli import console
    from emendo.cli.method_settings import check_methods, chosen_methods, chosen_settings, settings_of
    from emendo.edit import METHODS
    from emendo.evaluate import load_cases
    from emendo.evaluate.ability import WIKITEXT, read_text
    from emendo.evaluate.data import find_data
    from emendo.evaluate.documents import as_json, writable, write_whole
    from emendo.evaluate.pictures import drawable
    from emendo.evaluate.sequence_curves import Curve, measure_curves
    from emendo.evaluate.sequence_document import as_curve, basis_of, known_points, read_document
    from emendo.evaluate.sequence_figure import draw_sequence
    from emendo.evaluate.sequence_page import sequence_page
    from emendo.models import load_model
    from emendo.pieces import Crew

    names = chosen_methods(methods, METHODS.names())
    ends, sizes = _numbers(points), _numbers(batches)
    for path in (output, html):
        if path is not None:
            writable(path)
    if plot is not None:
        drawable(plot)
    config = chosen_settings(layer, settings)
    check_methods(config, names)
    crew = Crew.of(executor, workers)
    cases = load_cases(benchmark, data=data, n=n, split=split, seed=seed).core()
    plain = read_text(text or find_data(WIKITEXT, None, otherwise="give plain text with '--text FILE'"))
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
    shared: dict[str, Any] = {"text": plain, "measured": measured, "corpus": corpus, "seed": seed}
    curves, bases = [], []
    for name, size in product(names, sizes):
        own = settings_of(name, config)
        basis = basis_of(loaded, cases, method=name, config=own, batch=size, **shared)
        curves.append(Curve(method=name, batch=size, config=own, known=known_points(before, basis)))
        bases.append(basis)
    found = [{point.edits: point for point in curve.known} for curve in curves]

    def tell(at: int, point: SequencePoint) -> None:
        known = [earlier.refused for edits, earlier in found[at].items() if edits < point.edits]
        if point.refused > max(known, default=0) and point.edits not in found[at]:
            console.err.print(
                f"{curves[at].method}: {point.refused:,} of {point.edits:,} edits were refused, the last of them because: "
                f"{point.refusal}"
            )
        found[at][point.edits] = point
        document["methods"] = [
            as_curve(curve.method, curve.config, curve.batch, basis, [points[edits] for edits in sorted(points)])
            for curve, basis, points in zip(curves, bases, found, strict=True)
            if points
        ]
        # Points are hours apart: whoever stops has those before.
        if output is not None:
            write_whole(output, as_json(document))
        if plot is not None:
            draw_sequence(document, plot)
        if html is not None:
            write_whole(html, sequence_page(document))

    for curve in curves:
        if curve.known:
            after = ", ".join(f"{point.edits:,}" for point in curve.known)
            console.err.print(f"{curve.method}, {curve.batch:,} at a time: '{output}' holds what came after {after} edits.")
    with console.progress_of_stages() as progress:
        measure_curves(loaded, cases, curves, crew=crew, told=tell, points=ends, progress=progress, **shared)
    if json:
        console.print_json(document)
    else:
        _print(document)


def _numbers(text: str) -> list[int]:
    from emendo.errors import InvalidRequest

    numbers = [int(number) if number.strip().isdecimal() else 0 for number in text.split(",")]
    if 0 in numbers:
        raise InvalidRequest(f"'{text}' are no numbers of edits; write 1,10,100.")
    return numbers


def _print(document: dict[str, Any]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from emendo.cli.console import out
    from emendo.evaluate.sequence_figure import read_curves
    from emendo.evaluate.sequence_page import ratio
    from emendo.evaluate.wording import with_interval

    shown = {"score": "S*", "generation_completion": "completion", "generation_chat": "chat"}
    # At 80 columns nothing is cut off, and intervals stay whole; seconds are on the page.
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0)
    widths = {"method": 9, "edits": 5, **dict.fromkeys(shown.values(), 12), "perplexity ×": 13, "‖Δ‖/‖W‖": 7}
    for name, width in widths.items():
        table.add_column(name, overflow="fold", min_width=width)
    for curve in read_curves(document):
        for point in curve.points:
            cells = [with_interval(point.figures[name]) if name in point.figures else "–" for name in shown]
            text = f"{ratio(point.perplexity_ratio)} ({ratio(point.perplexity_low)}–{ratio(point.perplexity_high)})"
            gone = " collapsed" if point.collapsed else ""
            edits = f"{point.edits:,}{f', {point.refused:,} refused' if point.refused else ''}"
            table.add_row(curve.label, edits, *cells, text + gone, f"{point.relative_norm:.3f}")
    out.print(table)
    out.print("* teacher-forced: how the model rates given words, not what it says", style="dim")
    out.print(
        f"{document['benchmark']}, % of at most so many facts as --measured says (95 % interval), on {document['model']}.",
        style="dim",
    )
