"""`emendo revert`: take edits back, exactly."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from emendo.cli import console
from emendo.cli.options import DEFAULT_MODEL, JsonOption, LedgerOption, ModelOption, WhoOption, WhyOption
from emendo.errors import InvalidRequest


def command(
    numbers: Annotated[
        list[int] | None, typer.Argument(help="Numbers of the edits, as `emendo log` lists them.", metavar="N")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Take back every edit that is in force.")] = False,
    why: WhyOption = "",
    who: WhoOption = None,
    model: ModelOption = DEFAULT_MODEL,
    ledger: LedgerOption = None,
    json: JsonOption = False,
) -> None:
    """Take back one edit, several, or all of them.

    The base weights were never changed, so what is left is exactly the model without those edits. The history keeps both the
    edit and the revert, and `--at N` still runs the model as it was. The model itself is not loaded.

    \b
    Example:
      emendo revert 3 --why "the source was wrong"
      emendo revert 1 2
      emendo revert --all
    """
    from emendo.cli.history import as_json, count_edits, what
    from emendo.cli.session import open_ledger, operating_user

    if bool(numbers) == everything:
        raise InvalidRequest("Name the edits to take back by their numbers in 'emendo log', or give --all; one of the two.")
    history, by = open_ledger(model, ledger), who or operating_user()
    entry = history.revert_all(by, why) if everything else history.revert(numbers or [], by, why)
    newest = history.at()
    if json:
        console.print_json(as_json(entry, newest))
        return
    for number in entry.reverts:
        console.out.print(Text.assemble(f"Taken back: {number}  ", what(history.entry(number))), soft_wrap=True)
    left = count_edits(len(newest.in_force))
    console.out.print(Text(f"Entry {entry.number}. In force: revision {entry.revision}, {left} of {history.name}."))
