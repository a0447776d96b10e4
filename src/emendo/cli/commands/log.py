"""`emendo log`: the history of a model's edits."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from emendo.cli import console
from emendo.cli.options import DEFAULT_MODEL, JsonOption, LedgerOption, ModelOption


def command(model: ModelOption = DEFAULT_MODEL, ledger: LedgerOption = None, json: JsonOption = False) -> None:
    """List every edit and revert: number, when, who, what, method, layers, whether in force, revision.

    The model itself is not loaded. Nothing is ever taken out of the list: a revert is an entry of its own.

    \b
    Example:
      emendo log
      emendo log --ledger ./history --json
    """
    from emendo.cli.history import as_json, count_edits, standing, what
    from emendo.cli.session import open_ledger

    history = open_ledger(model, ledger)
    entries, newest = history.entries(), history.at()
    if json:
        console.print_json([as_json(entry, newest) for entry in entries])
        return
    if not entries:
        console.out.print(Text(f"No edits of {history.name} are recorded in {history.folder}."))
    else:
        table = Table(box=None, padding=(0, 1, 0, 0))
        for column in ("No.", "When", "Who", "What", "Method", "Layers", "Now", "Revision"):
            table.add_column(column, no_wrap=column not in ("Who", "What", "Layers"))
        for entry in entries:
            table.add_row(
                str(entry.number),
                entry.when[:10],
                Text(entry.who),
                what(entry),
                entry.method or "",
                ", ".join(map(str, entry.layers)),
                standing(entry, newest),
                entry.revision,
            )
        console.out.print(table)
        console.out.print(
            Text(f"\nIn force: revision {newest.revision}, {count_edits(len(newest.in_force))} of {history.name}.")
        )
    for folder in history.uncommitted():
        console.err.print(Text(f"{folder} has no entry: its commit was interrupted, and it has no effect."), soft_wrap=True)
