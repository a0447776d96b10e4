"""The options that commands share, each written once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ModelOption = Annotated[
    str, typer.Option("--model", "-m", help="Embedded model, folder, .gguf file or hub id.", rich_help_panel="Model")
]
LedgerOption = Annotated[
    Path | None,
    typer.Option(
        "--ledger", envvar="EMENDO_LEDGER", help="Folder of the history; one a model in the data folder unless given."
    ),
]
AtOption = Annotated[
    str | None,
    typer.Option("--at", help="Revision: an entry's number, a revision id, or 'original'; the newest unless given."),
]
WhoOption = Annotated[str | None, typer.Option("--who", help="Who asks for it; the operating system's user unless given.")]
WhyOption = Annotated[str, typer.Option("--why", help="The reason, kept in the history.")]
MaxTokensOption = Annotated[int, typer.Option("--max-tokens", min=1, help="Most new tokens.")]
TemperatureOption = Annotated[float, typer.Option("--temperature", min=0.0, help="0 takes the likeliest token.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed of everything random.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
MethodOption = Annotated[
    str, typer.Option("--method", help="How to compute edits; 'emendo methods' lists them.", rich_help_panel="Method")
]
LayersOption = Annotated[
    list[int] | None,
    typer.Option("--layer", help="Layer to edit, repeatable; the measured ones unless given.", rich_help_panel="Method"),
]
SettingsOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="A setting of the method, such as 'steps=40'; repeatable.", rich_help_panel="Method"),
]
ExecutorOption = Annotated[
    str | None,
    typer.Option(
        "--executor",
        help="Who computes: inline, processes, ray; this process for one worker, processes for several unless given.",
        rich_help_panel="Workers",
    ),
]
WorkersOption = Annotated[
    int,
    typer.Option("--workers", min=1, help="How many parts are computed at a time.", rich_help_panel="Workers"),
]
CorpusOption = Annotated[
    str,
    typer.Option("--corpus", help="Text for the second moment: python, sampled, or a file.", rich_help_panel="Method"),
]

DEFAULT_METHOD = "hidden_unit"
DEFAULT_MODEL = "smollm2-135m"
