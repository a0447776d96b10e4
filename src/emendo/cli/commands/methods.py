"""`emendo methods`: how edits can be computed."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated

import typer

from emendo.cli.options import DEFAULT_METHOD, JsonOption


def command(
    method: Annotated[str | None, typer.Argument(help="Show the settings of this method.")] = None, json: JsonOption = False
) -> None:
    """List the editing methods, or the settings of one, with their defaults and what they do.

    Where a model was measured (`emendo probe`), the measured settings take the place of the defaults.

    \b
    Example:
      emendo methods
      emendo methods memit
    """
    from rich.markup import escape
    from rich.table import Table

    from emendo.cli.console import out, print_json
    from emendo.cli.method_settings import meanings
    from emendo.edit import METHODS

    if method is None:
        plugins = {name: METHODS.get(name) for name in METHODS.names()}
        rows = [
            {"name": n, "summary": p.SUMMARY, "layers": p.LAYERS, "default": n == DEFAULT_METHOD} for n, p in plugins.items()
        ]
        if json:
            print_json(rows)
            return
        table = Table("method", "layers", "what", show_edge=False, pad_edge=False)
        for row in rows:
            table.add_row(f"[bold]{row['name']}[/]" if row["default"] else row["name"], row["layers"], row["summary"])
        out.print(table)
        return
    defaults = METHODS.get(method).Config()
    settings = {field.name: getattr(defaults, field.name) for field in fields(defaults)}
    told = meanings(type(defaults))
    if json:
        print_json({"name": method, "settings": settings, "meanings": told})
        return
    table = Table("setting", "default", "what it does", show_edge=False, pad_edge=False)
    for name, value in settings.items():
        table.add_row(name, _shown(value), escape(told.get(name, "")))
    out.print(table)


def _shown(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
