"""`emendo lens`: what the model would say if it stopped after each layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from emendo.cli.options import DEFAULT_MODEL, JsonOption, ModelOption

if TYPE_CHECKING:
    from rich.table import Table

    from emendo.locate import LogitLens


def command(
    text: Annotated[str, typer.Argument(help="The text to read.")],
    target: Annotated[
        str | None, typer.Option("--target", help="What to follow through the layers; what the model says unless given.")
    ] = None,
    model: ModelOption = DEFAULT_MODEL,
    json: JsonOption = False,
) -> None:
    """Show the likeliest next token after every layer (the logit lens).

    The table has the last positions, as many as fit the terminal;
    --json has them all.

    \b
    Example:
      emendo lens "The capital of France is"
      emendo lens "The capital of France is" --target Paris --json
    """
    from rich.text import Text

    from emendo.cli import console
    from emendo.locate import logit_lens
    from emendo.models import load_model

    lens = logit_lens(load_model(model), text, target=target)
    if json:
        console.print_json(lens.to_dict())
        return
    console.out.print(_table(lens, console.out.width))
    layer = _first_layer(lens)
    console.out.print(
        Text(
            f"'{lens.target.strip()}' is the likeliest after the last position from layer {layer} on."
            if layer is not None
            else f"'{lens.target.strip()}' is not what the model says: its probability after the last layer is "
            f"{lens.target_probability[-1, -1]:.3f}."
        )
    )


def _table(lens: LogitLens, width: int) -> Table:
    """Layers from the last down, positions across; the last column follows the target at the last position."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    cell = 17
    shown = range(max(0, len(lens.tokens) - max(1, (width - 24) // cell)), len(lens.tokens))
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("layer", justify="right")
    for position in shown:
        table.add_column(Text(f"…{_visible(lens.tokens[position])}"), no_wrap=True)
    table.add_column(Text(f"p({_visible(lens.target)})"), justify="right")
    for layer in reversed(range(len(lens.top_tokens))):
        cells = [Text(f"{_visible(lens.top_tokens[layer][p])} {lens.probability[layer, p]:.2f}") for p in shown]
        table.add_row(str(layer), *cells, f"{lens.target_probability[layer, -1]:.3f}")
    return table


def _visible(token: str) -> str:
    """A token in at most 11 characters; one of blanks alone as Python writes it."""
    return (token.strip() or repr(token))[:11]


def _first_layer(lens: LogitLens) -> int | None:
    """The layer from which on the target stays the likeliest token at the last position; None if it is not so at the end."""
    layer = None
    for at in reversed(range(len(lens.top_tokens))):
        if lens.top_tokens[at][-1] != lens.target:
            break
        layer = at
    return layer
