"""`emendo demo`: the whole story on the embedded model, in the terminal and as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emendo.cli.options import DEFAULT_MODEL, JsonOption, ModelOption, SeedOption

NEXT = [
    ('emendo ask "What is the capital of California?"', "original and edited model side by side"),
    ('emendo edit "The capital of {California} is" Sacramento', "an edit of your own, recorded in your ledger"),
    ("emendo log", "what was edited, by whom and why; emendo revert N takes it back"),
    ("emendo serve", "a page to chat with both models side by side, and to fix what is wrong"),
    ('emendo verify "The capital of California is Los Angeles."', "any answer, claim by claim, beside independent evidence"),
    ('emendo trace "The capital of {Germany} is" -o trace.png', "where the model keeps a fact"),
    ("emendo export merged-model --format merged", "the edited model as a folder that transformers loads"),
    ("emendo audit merged-model --base smollm2-135m", "what was changed in it, for whom, and whether a record explains it"),
    ("emendo eval capitals --n 20", "how well edits work, with intervals"),
]


def command(
    folder: Annotated[Path, typer.Option("-o", "--output", help="Folder of the report.")] = Path("emendo-report"),
    model: ModelOption = DEFAULT_MODEL,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Find a fact, correct it, falsify it, catch the falsehood, undo it exactly, and write a report.

    Your own ledger is not touched.

    Example:

        emendo demo -o emendo-report
    """
    import shutil
    from dataclasses import asdict

    from emendo import __version__
    from emendo.cli import console
    from emendo.cli.demo_report import write_report
    from emendo.cli.demo_story import Story
    from emendo.cli.session import open_session

    folder.mkdir(parents=True, exist_ok=True)
    ledger = folder / "ledger"
    shutil.rmtree(ledger, ignore_errors=True)
    session = open_session(model, ledger)
    console.out.quiet = as_json
    sections = Story(session, folder, seed).tell()
    report = folder / "report.html"
    introduction = (
        f"Emendo {__version__} on {session.model.name} ({session.model.n_layers} layers, weights "
        f"{session.model.digest[:12]}…), seed {seed}. Everything below was computed in this run."
    )
    write_report(report, "A fact found, corrected, falsified and restored", introduction, sections, NEXT)
    if as_json:
        console.print_json({"report": str(report), "sections": [asdict(section) for section in sections]})
        return
    console.out.rule("[bold]Report", align="left")
    console.out.print(f"[bold]{report}[/] (open it in a browser; one file, nothing is fetched)\n")
    console.out.print("Try next:")
    for line, purpose in NEXT:
        console.out.print(f"  [bold]{line}[/]\n      [dim]{purpose}[/]", markup=True)
