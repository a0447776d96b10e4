"""`emendo probe`: measure which layers and settings work on a model, and remember them."""

from __future__ import annotations

import shlex
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from emendo.cli.options import (
    DEFAULT_METHOD,
    DEFAULT_MODEL,
    CorpusOption,
    ExecutorOption,
    JsonOption,
    MethodOption,
    SeedOption,
    WorkersOption,
)

if TYPE_CHECKING:
    from emendo.evaluate.probe import Probe


def command(
    model: Annotated[str, typer.Argument(help="Embedded model, folder, .gguf file or hub id.")] = DEFAULT_MODEL,
    method: MethodOption = DEFAULT_METHOD,
    layers: Annotated[
        list[str] | None,
        typer.Option("--layers", help="A candidate such as 6 or 6,9 or 4-8; repeatable. By the model's depth unless given."),
    ] = None,
    vary: Annotated[
        list[str] | None, typer.Option("--try", help="Values of a setting, such as 'learning_rate=0.3,0.8'; repeatable.")
    ] = None,
    n: Annotated[int, typer.Option("--n", "-n", min=1, help="How many known facts are edited with each candidate.")] = 6,
    benchmark: Annotated[str, typer.Option("--benchmark", help="Where the facts come from.")] = "capitals",
    store: Annotated[bool, typer.Option("--store/--no-store", help="Use the best from now on for this model.")] = True,
    plot: Annotated[Path | None, typer.Option("--plot", help="Draw the sweep (.png, .svg or .pdf).")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the sweep to this JSON file.")] = None,
    work: Annotated[
        Path | None, typer.Option("--work", help="Folder that keeps what is measured; in the data folder unless given.")
    ] = None,
    executor: ExecutorOption = None,
    workers: WorkersOption = 1,
    corpus: CorpusOption = "python",
    seed: SeedOption = 0,
    json: JsonOption = False,
) -> None:
    """Edit a few facts that the model knows with each candidate, and keep the layers and settings that work best.

    The profile is kept under the digest of the model's weights, and `edit`, `apply` and `eval` use it. A run that was stopped
    goes on where it was.

    \b
    Example:
      emendo probe
      emendo probe ./my-model --plot probe.png
      emendo probe --method memit --try moment_weight=150,1500,15000
    """
    from emendo.cli.console import out, print_json, progress_of_stages
    from emendo.cli.method_settings import chosen_settings, layer_choice
    from emendo.evaluate import load_cases
    from emendo.evaluate.documents import as_json, writable, write_whole
    from emendo.evaluate.pictures import drawable
    from emendo.evaluate.probe import known_cases, probe, store_profile
    from emendo.evaluate.probe_figure import draw_probe
    from emendo.home import default_home
    from emendo.models import load_model

    variations = {name: v if isinstance(v, tuple) else (v,) for name, v in chosen_settings(None, vary).items()}
    if output is not None:
        writable(output)
    if plot is not None:
        drawable(plot)
    started = time.perf_counter()
    loaded, home = load_model(model), default_home()
    cases = known_cases(loaded, load_cases(benchmark, seed=seed), n)
    with progress_of_stages() as progress:
        found = probe(
            loaded,
            cases,
            method=method,
            layers=[layer_choice(text) for text in layers or ()],
            variations=variations,
            corpus=corpus,
            seed=seed,
            work=work or home / "work" / f"probe-{loaded.digest[:16]}-{method}",
            executor=executor,
            workers=workers,
            progress=progress,
        )
    document = {
        "command": shlex.join(["emendo", *sys.argv[1:]]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": time.perf_counter() - started,
        **found.to_dict(),
    }
    if output is not None:
        write_whole(output, as_json(document))
    if plot is not None:
        draw_probe(found, plot)
    if json:
        print_json(document)
    else:
        _print(found)
        if plot is not None:
            out.print(f"Picture: {plot}")
    if store:
        path = store_profile(found, loaded, home)
        if not json:
            out.print(f"Kept for {loaded.name} in {path}.", style="dim", soft_wrap=True)


def _print(found: Probe) -> None:
    from rich.table import Table

    from emendo.cli.console import out
    from emendo.evaluate.probe_figure import describe

    table = Table("candidate", show_edge=False, pad_edge=False)
    for heading in ("merit", "S", "completion", "chat", "NS", "‖Δ‖/‖W‖", "s an edit"):
        table.add_column(heading, justify="right")
    for candidate in found.candidates:
        figures = [candidate.figures.get(name, 0.0) for name in ("score", "generation_completion", "generation_chat")]
        near = candidate.figures.get("neighborhood_probability", 0.0)
        norm = "–" if candidate.relative_norm is None else f"{candidate.relative_norm:.3f}"
        cells = [f"{value:.2f}" for value in (candidate.merit, *figures, near)]
        style = "bold green" if candidate is found.best else None
        table.add_row(describe(candidate), *cells, norm, f"{candidate.seconds:.1f}", style=style)
    out.print(table)
    out.print(f"{found.method} on {found.model}, {found.n} known facts edited one by one with each candidate.", style="dim")
