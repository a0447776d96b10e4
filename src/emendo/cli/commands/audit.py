"""`emendo audit`: look for edits that nobody admits to, name the fact, and take them back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from emendo.cli.options import JsonOption, LedgerOption

EXIT_CODES = {"clean": 0, "explained": 0, "edited": 1, "inconclusive": 3}


def command(
    suspect: Annotated[str, typer.Argument(help="Folder, .safetensors or .gguf file, adapter, or hub id to look at.")],
    base: Annotated[str | None, typer.Option("--base", help="What it was made from: the same kinds of names.")] = None,
    names: Annotated[
        list[Path] | None, typer.Option("--names", help="A file of more names to try, one a line; repeatable.")
    ] = None,
    names_in_text: Annotated[
        list[Path] | None, typer.Option("--names-in", help="A text whose names are tried too; repeatable.")
    ] = None,
    only_these: Annotated[
        bool, typer.Option("--only-these", help="Leave out the names that come with the package.")
    ] = False,
    weights_only: Annotated[
        bool, typer.Option("--weights-only", help="Run no model: classes by rank alone, no names, no answers.")
    ] = False,
    revert: Annotated[Path | None, typer.Option("--revert", help="Write the suspect with the base's tensors back.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write a report: .html or .json.")] = None,
    ledger: LedgerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare a checkpoint with its base: what was changed, how, for whom, and whether a record explains it.

    Nothing in a checkpoint is run but its weights, and pickles are refused. Ends with 0 if nothing edited was found or a record
    explains it, 1 for an edit that no record explains, 3 where it cannot tell, 2 for bad input.

    \b
    Example:
      emendo audit ./downloaded --base smollm2-135m
      emendo audit ./adapter --base smollm2-135m --names people.txt -o report.html
      emendo audit ./downloaded --base smollm2-135m --revert ./restored
      emendo audit ./downloaded
    """
    from emendo.audit import audit_alone, audit_checkpoint, names_in, open_checkpoint, read_subjects, shipped_subjects
    from emendo.audit import revert as take_back
    from emendo.audit.report import as_text, describe, page
    from emendo.audit.subjects import merged
    from emendo.cli.audit_print import print_alone, print_report, print_reverted
    from emendo.cli.console import print_json, progress_of_stages
    from emendo.errors import InvalidRequest
    from emendo.models import load_model

    if output is not None and output.suffix not in (".html", ".json"):
        raise InvalidRequest(f"A report is written as .html or .json, and '{output}' is neither; name it so.")
    candidates = merged(
        [] if only_these else shipped_subjects(),
        *(read_subjects(path) for path in names or ()),
        *(names_in(path) for path in names_in_text or ()),
    )
    if base is None:
        if revert is not None or output is not None or weights_only:
            raise InvalidRequest(
                "Without the base there is nothing to take back and nothing to report; name it with --base."
            )
        checkpoint = open_checkpoint(suspect)
        with progress_of_stages() as progress:
            alone = audit_alone(checkpoint.name, lambda: load_model(suspect), candidates, progress=progress)
        if as_json:
            print_json(asdict(alone))
        else:
            print_alone(alone)
        raise typer.Exit(EXIT_CODES["inconclusive"])
    original = open_checkpoint(base)
    found = open_checkpoint(suspect, original)
    with progress_of_stages() as progress:
        report = audit_checkpoint(
            found,
            original,
            model=None if weights_only else lambda: load_model(base),
            subjects=candidates,
            ledger=ledger,
            progress=progress,
        )
    reverted = None if revert is None else take_back(found, original, report.comparison, revert)
    if output is not None:
        output.write_text(page(report) if output.suffix == ".html" else as_text(report), encoding="utf-8")
    if as_json:
        print_json({**describe(report), "reverted": reverted})
    else:
        print_report(report)
        if reverted is not None and revert is not None:
            print_reverted(reverted, revert)
    raise typer.Exit(EXIT_CODES[report.verdict])
