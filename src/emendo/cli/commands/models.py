"""`emendo models`: the models that are found without a network."""

from __future__ import annotations

from dataclasses import asdict

from rich.table import Table
from rich.text import Text

from emendo.cli import console
from emendo.cli.options import JsonOption


def command(json: JsonOption = False) -> None:
    """List the models that load without a network: name, size, digest of the weights, licence, source.

    Converted models lie in Emendo's data folder, hub models in the cache of the hub's own client; these are named by commit.

    \b
    Example:
      emendo models
      emendo models --json
    """
    from emendo.home import default_home
    from emendo.models.hub import hub_models
    from emendo.models.store import stored_models

    home = default_home()
    converted, fetched = list(stored_models(home)), list(hub_models())
    if json:
        console.print_json([*map(asdict, converted), *map(asdict, fetched)])
        return
    rows = [(m.name, m.bytes, m.digest[:16], m.licence, m.source) for m in converted]
    rows += [(m.name, m.bytes, f"commit {m.commit[:12]}", m.licence, "hub") for m in fetched]
    if not rows:
        console.out.print(
            Text(f"No model lies in {home / 'models'} yet; the embedded one is fetched when it is first used.")
        )
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("Name", "Size", "Digest", "Licence", "Source"):
        table.add_column(column)
    for name, size, digest, licence, source in rows:
        table.add_row(Text(name), f"{size / 1e6:,.0f} MB", digest, Text(licence), Text(source))
    console.out.print(table)
