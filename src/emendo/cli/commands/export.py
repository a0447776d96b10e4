"""`emendo export`: write a revision for others to load."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from emendo.cli import console
from emendo.cli.options import DEFAULT_MODEL, AtOption, JsonOption, LedgerOption, ModelOption


def command(
    folder: Annotated[Path, typer.Argument(help="The folder to write; it must not exist, or be empty.")],
    exporter: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            help="'merged' (a Hugging Face folder), 'adapter' (LoRA for PEFT), 'gguf' (LoRA for llama.cpp), or a plug-in.",
        ),
    ] = "merged",
    model: ModelOption = DEFAULT_MODEL,
    ledger: LedgerOption = None,
    at: AtOption = None,
    json: JsonOption = False,
) -> None:
    """Write the edited model, or its edits alone, with a card that lists every edit.

    The folder appears whole or not at all, and says in edits.json what it should hold, digests included.

    \b
    Example:
      emendo export ./edited
      emendo export ./adapter --format adapter --at 2
      emendo export ./for-llama-cpp --format gguf
    """
    from emendo.cli.session import open_session
    from emendo.ledger import EXPORTERS, export_revision

    EXPORTERS.get(exporter)
    session = open_session(model, ledger, at)
    patches = session.ledger.patches(at)
    with console.err.status(f"Writing {folder}"):
        export_revision(session.model, patches, folder, exporter)
    files = [{"path": str(path), "bytes": path.stat().st_size} for path in sorted(folder.iterdir())]
    usage = EXPORTERS.get(exporter).usage(session.model, folder)
    if json:
        written = {"folder": str(folder), "format": exporter, "revision": session.revision.id}
        console.print_json({**written, "files": files, "usage": usage})
        return
    console.out.print(Text(f"Wrote revision {session.revision.id} ({len(patches)} edits) to {folder}:"), soft_wrap=True)
    for file in files:
        console.out.print(Text(f"  {file['path']}  {file['bytes']:,} bytes"), soft_wrap=True)
    console.out.print(Text(f"\nTo load it:\n\n{usage}"), soft_wrap=True)
