"""`emendo trace`: which layer and token carry a fact."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from emendo.cli.options import DEFAULT_MODEL, JsonOption, ModelOption, SeedOption
from emendo.errors import InvalidRequest, UnknownFact

if TYPE_CHECKING:
    import numpy as np
    from rich.table import Table

    from emendo.facts import Fact
    from emendo.locate import AveragedTrace, CausalTrace, Kind
    from emendo.models import EditableModel


def command(
    fact: Annotated[
        str | None, typer.Argument(help="A prompt with its subject in braces: 'The capital of {France} is'.")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", help="What truly follows; the model's prediction unless given.")
    ] = None,
    facts: Annotated[
        Path | None, typer.Option("--facts", help="File of facts (.json, .jsonl, .csv): average over those that are known.")
    ] = None,
    kinds: Annotated[
        str, typer.Option("--kinds", help="What to restore, separated by commas: states, mlp, attention.")
    ] = "states,mlp,attention",
    severed: Annotated[
        bool, typer.Option("--severed", help="Also restore states with the MLPs, and with the attention, above severed.")
    ] = False,
    noise_samples: Annotated[int, typer.Option("--noise-samples", min=2, help="Corrupted runs.")] = 10,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to a file in .png, .svg, .pdf, .html or .json.")
    ] = None,
    model: ModelOption = DEFAULT_MODEL,
    seed: SeedOption = 0,
    json: JsonOption = False,
) -> None:
    """Show which layer and token carry a fact, by causal tracing.

    The subject is blurred with noise, then one activation at a time is
    restored: its effect is how far the probability of the answer comes back.
    Tracing explains; it does not choose the layer to edit (docs/locate.md).

    \b
    Example:
      emendo trace "The capital of {France} is"
      emendo trace "The capital of {France} is" --target Paris -o france.svg
      emendo trace --facts facts.jsonl --kinds states -o average.png
    """
    from emendo.cli import console
    from emendo.facts import Fact, read_facts
    from emendo.locate import check_figure_path
    from emendo.models import load_model

    if (fact is None) == (facts is None):
        raise InvalidRequest("Give either a prompt, as in 'The capital of {France} is', or a file with --facts.")
    if facts is not None and target is not None:
        raise InvalidRequest("--target goes with a single prompt; in a file of facts each row has its own 'target_true'.")
    wanted = _kinds(kinds, severed)
    if output is not None:
        check_figure_path(output, others=(".json",))
    if fact is not None:
        parsed = Fact.parse(fact, target)
        trace = _trace(load_model(model), parsed, wanted, noise_samples, seed)
        result = trace.to_dict()
        _write(trace, result, output)
        if json:
            console.print_json(result)
        else:
            _print_trace(trace)
    else:
        assert facts is not None
        rows = read_facts(facts)
        average, skipped = _average(load_model(model), rows, wanted, noise_samples, seed)
        result = {**average.to_dict(), "facts_given": len(rows), "skipped": skipped}
        _write(average, result, output)
        if json:
            console.print_json(result)
        else:
            _print_average(average, skipped, len(rows))
    if output is not None:
        console.err.print(f"Written to {output}.")


def _kinds(names: str, severed: bool) -> list[Kind]:
    from emendo.errors import UnknownName
    from emendo.locate import RESTORATIONS

    plain = {kind: kind for kind, restoration in RESTORATIONS.items() if restoration.severed is None}
    cut: list[Kind] = [kind for kind in RESTORATIONS if kind not in plain]
    wanted: list[Kind] = []
    for name in (name.strip() for name in names.split(",")):
        kind = next((kind for kind in plain if kind == name), None)
        if kind is None:
            raise UnknownName("kind", name, plain)
        wanted.append(kind)
    return list(dict.fromkeys([*wanted, *(cut if severed else [])]))


def _trace(model: EditableModel, fact: Fact, kinds: list[Kind], noise_samples: int, seed: int) -> CausalTrace:
    from emendo.cli import console
    from emendo.locate import trace_fact

    with console.progress("Tracing") as progress:
        return trace_fact(model, fact, kinds=kinds, noise_samples=noise_samples, seed=seed, progress=progress)


def _average(
    model: EditableModel, facts: list[Fact], kinds: list[Kind], noise_samples: int, seed: int
) -> tuple[AveragedTrace, list[str]]:
    """The average over the facts that the model knows, and what it says of each other one."""
    from emendo.cli import console
    from emendo.locate import average_traces, trace_fact

    traces, skipped = [], []
    with console.progress("Tracing facts") as progress:
        for number, fact in enumerate(facts, start=1):
            try:
                traces.append(trace_fact(model, fact, kinds=kinds, noise_samples=noise_samples, seed=seed))
            except UnknownFact as unknown:
                skipped.append(str(unknown))
            progress(number, len(facts))
    if len(traces) < 2:
        raise UnknownFact(
            f"The model knows {len(traces)} of the {len(facts)} facts, and an average needs two. "
            f"Trace a single fact by its prompt; the first that it does not know: {skipped[0] if skipped else 'none'}"
        )
    return average_traces(traces), skipped


def _write(found: CausalTrace | AveragedTrace, result: dict[str, object], output: Path | None) -> None:
    import json

    from emendo.locate import CausalTrace, draw_average, draw_trace

    if output is None:
        return
    if output.suffix == ".json":
        output.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    elif isinstance(found, CausalTrace):
        draw_trace(found, output)
    else:
        draw_average(found, output)


def _print_trace(trace: CausalTrace) -> None:
    from rich.text import Text

    from emendo.cli import console

    source = "the model's own prediction" if trace.is_predicted_target else "which the model predicts"
    console.out.print(Text(f"{trace.fact.text} → {trace.target.strip()}  ({source})", style="bold"))
    console.out.print(
        f"p clean {trace.probability_clean:.3f}, corrupted {trace.probability_corrupted:.3f}; "
        f"total effect {trace.total_effect:.3f} ± {trace.total_effect_error:.3f} (n = {trace.noise_samples} noise samples)"
    )
    is_subject = range(trace.subject_first, trace.subject_last + 1)
    labels = [f"{token.strip() or repr(token)}{'*' if t in is_subject else ''}" for t, token in enumerate(trace.tokens)]
    for kind, effect in trace.effects.items():
        token, layer = effect.peak
        where = f" ({trace.token_classes[token]})" if trace.token_classes[token] else ""
        console.out.print(_heat_map(_title(kind, trace.window), labels, effect.indirect_effect))
        console.out.print(
            Text(
                f"strongest: layer {layer} at '{trace.tokens[token].strip()}'{where}, "
                f"indirect effect {effect.indirect_effect[token, layer]:.3f} ± {effect.standard_error[token, layer]:.3f}"
            )
        )


def _print_average(average: AveragedTrace, skipped: list[str], given: int) -> None:
    from rich.text import Text

    from emendo.cli import console
    from emendo.locate import TOKEN_CLASSES

    for sentence in skipped:
        console.err.print(Text(f"skipped: {sentence}", style="dim"), soft_wrap=True)
    console.out.print(f"[bold]{average.facts} of {given} facts are known and traced, {len(skipped)} skipped[/bold]")
    console.out.print(
        f"mean p clean {average.probability_clean:.3f}, corrupted {average.probability_corrupted:.3f}; "
        f"total effect {average.total_effect:.3f} ± {average.total_effect_error:.3f}"
    )
    for kind, effect in average.effects.items():
        place, layer = effect.peak
        console.out.print(_heat_map(_title(kind, average.window), list(TOKEN_CLASSES), effect.indirect_effect))
        console.out.print(
            f"strongest: layer {layer} at the {TOKEN_CLASSES[place]}, average indirect effect "
            f"{effect.indirect_effect[place, layer]:.3f} ± {effect.standard_error[place, layer]:.3f} "
            f"(n = {average.facts_with_class[place]})"
        )


def _title(kind: Kind, window: int) -> str:
    from emendo.locate import RESTORATIONS

    restoration = RESTORATIONS[kind]
    return f"Restoring {restoration.label}" + (f" (window of {window} layers)" if restoration.is_windowed else "")


def _heat_map(title: str, labels: list[str], values: np.ndarray) -> Table:
    """A row a label, a character a layer: the darker, the greater the effect; '·' where there is none to speak of."""
    import numpy as np
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shades = "·░▒▓█"
    top = max(float(np.nanmax(values)), 1e-6)
    ruler = "".join(f"{layer:<5}" for layer in range(0, values.shape[1], 5))
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column("layer", justify="right", no_wrap=True)
    table.add_column(ruler, no_wrap=True)
    table.add_column("greatest", justify="right")
    for label, row in zip(labels, values, strict=True):
        if np.isnan(row).any():
            table.add_row(Text(label), "no fact has one", "")
            continue
        levels = (np.clip(row / top, 0, 1) * (len(shades) - 1)).round().astype(int)
        table.add_row(Text(label), Text("".join(shades[level] for level in levels), style="magenta"), f"{row.max():.3f}")
    return table
