"""`emendo apply`: put exactly the facts of a file in force."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emendo.cli.options import (
    DEFAULT_METHOD,
    DEFAULT_MODEL,
    CorpusOption,
    JsonOption,
    LayersOption,
    LedgerOption,
    MethodOption,
    ModelOption,
    SeedOption,
    SettingsOption,
    WhoOption,
    WhyOption,
)

if TYPE_CHECKING:
    from emendo.cli.facts_file import Plan
    from emendo.cli.session import Session
    from emendo.facts import EditRequest

_MOST_SHOWN = 20


def command(
    file: Annotated[Path, typer.Argument(help="Facts: .yaml, .json, .jsonl or .csv, CounterFact and zsRE included.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
    name: Annotated[
        str | None, typer.Option("--name", help="What the file is called in the history; its own name unless given.")
    ] = None,
    overrule: Annotated[bool, typer.Option("--overrule", help="Take back edits that contradict the file.")] = False,
    check: Annotated[bool, typer.Option("--check/--no-check", help="Ask the edited model every fact afterwards.")] = True,
    with_inverse: Annotated[
        bool, typer.Option("--with-inverse", help="Teach the inverse of each fact that has one.")
    ] = False,
    with_paraphrases: Annotated[
        bool, typer.Option("--with-paraphrases", help="Teach each fact in other words too.")
    ] = False,
    why: WhyOption = "",
    who: WhoOption = None,
    method: MethodOption = DEFAULT_METHOD,
    layer: LayersOption = None,
    settings: SettingsOption = None,
    corpus: CorpusOption = "python",
    model: ModelOption = DEFAULT_MODEL,
    ledger: LedgerOption = None,
    seed: SeedOption = 0,
    json: JsonOption = False,
) -> None:
    """Put exactly the facts of a file in force, in one entry of the history.

    Applied twice, a file changes nothing; a fact that was taken out of it is taken back. All its facts are solved together from the
    weights without them. A run that was killed goes on where it was: what was searched is kept.

    \b
    Example:
      emendo apply facts.yaml --dry-run
      emendo apply facts.yaml --why "errors reported in May"
      emendo apply counterfact.json --method memit --json
    """
    from emendo.cli.console import print_json
    from emendo.cli.facts_file import plan
    from emendo.cli.requests import read_file
    from emendo.cli.session import open_session, operating_user

    session = open_session(model, ledger)
    rows = read_file(file, session.model, with_inverse=with_inverse, with_paraphrases=with_paraphrases)
    planned = plan(name or file.name, rows, session.ledger.at().in_force, overrule=overrule)
    told = _described(planned)
    is_same = planned.changes_nothing and (planned.before is None or planned.before.method == method)
    if dry_run or is_same:
        if json:
            print_json({**told, "changed": False})
        else:
            _print_plan(planned, nothing=is_same)
        return
    if not planned.requests:
        entry = session.ledger.revert(list(planned.replaces), who or operating_user(), why)
        if json:
            print_json({**told, "changed": True, "entry": entry.number})
        else:
            _print_plan(planned, nothing=False)
        return
    from emendo.cli.console import progress_of_stages
    from emendo.cli.editing import apply_and_commit
    from emendo.cli.limits import limits
    from emendo.cli.method_settings import chosen_settings

    with progress_of_stages() as progress:
        done = apply_and_commit(
            session,
            planned,
            file=name or file.name,
            who=who or operating_user(),
            why=why,
            method=method,
            config=chosen_settings(layer, settings),
            corpus=corpus,
            seed=seed,
            progress=progress,
        )
        held = _ask(done.session, planned.requests, progress) if check else None
    if json:
        checked = None if held is None else [{"id": r.id, "said": said, "holds": ok} for r, said, ok in held]
        met = limits(done.session.model, done.edit)
        new = {"changed": True, "entry": done.entry.number, "figures": done.edit.figures, "limits": met, "checked": checked}
        print_json({**told, **new})
        return
    _print_plan(planned, nothing=False)
    _print_done(done, held)


def _described(planned: Plan) -> dict[str, Any]:
    return {
        "facts": len(planned.requests),
        "added": [request.id for request in planned.added],
        "removed": [request.id for request in planned.removed],
        "in_force_elsewhere": [request.id for request in planned.elsewhere],
        "duplicates": planned.duplicates,
        "replaces": list(planned.replaces),
    }


def _print_plan(planned: Plan, *, nothing: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    from emendo.cli.console import out

    marks = [("+", "green", planned.added), ("-", "red", planned.removed), ("=", "dim", planned.elsewhere)]
    table = Table("", "fact", "target", show_edge=False, pad_edge=False)
    for mark, style, requests in marks:
        for request in requests[:_MOST_SHOWN]:
            table.add_row(Text(mark, style=style), Text(request.fact.marked), Text(request.target_new))
        if len(requests) > _MOST_SHOWN:
            table.add_row(Text(mark, style=style), Text(f"and {len(requests) - _MOST_SHOWN} more", style="dim"), "")
    if table.row_count:
        out.print(table)
    kept = len(planned.requests) - len(planned.added)
    parts = [f"{len(planned.added)} to add", f"{len(planned.removed)} to take back", f"{kept} as before"]
    parts += [f"{len(planned.elsewhere)} in force by another edit"] if planned.elsewhere else []
    parts += [f"{planned.duplicates} repeated rows"] if planned.duplicates else []
    parts += [f"overrules {', '.join(str(entry.number) for entry in planned.overruled)}"] if planned.overruled else []
    out.print(", ".join(parts) + (": nothing to do." if nothing else "."))


def _ask(session: Session, requests: tuple[EditRequest, ...], progress: Any) -> list[tuple[EditRequest, str, bool]]:
    """Each request with what the edited model says after its prompt, and whether that begins with the target."""
    from emendo.cli.answers import answers
    from emendo.models import encode

    told = []
    for start in range(0, len(requests), 32):
        part = requests[start : start + 32]
        prompts = [encode(session.model, request.fact.text) for request in part]
        (said,) = answers(session.model, prompts, [session.revision], max_new_tokens=12)
        told += [(r, text, r.target_new.casefold() in text.casefold()) for r, text in zip(part, said, strict=True)]
        progress("asking the edited model", min(start + 32, len(requests)), len(requests))
    return told


def _print_done(done: Any, held: list[tuple[EditRequest, str, bool]] | None) -> None:
    from rich.table import Table
    from rich.text import Text

    from emendo.cli.console import out
    from emendo.cli.editing import costs
    from emendo.cli.limits import warn_of_limits

    figures = done.edit.figures
    out.print(
        f"Entry [bold]{done.entry.number}[/]: {len(done.edit.requests)} facts ({done.edit.method}, layer "
        f"{', '.join(map(str, done.edit.layers))}, {figures['seconds']:.2f} s a fact, {costs(figures)})"
    )
    warn_of_limits(done.session.model, done.edit)
    if held is None:
        return
    missed = [(request, said) for request, said, ok in held if not ok]
    out.print(f"The edited model completes {len(held) - len(missed)} of {len(held)} facts with their target.")
    if missed:
        table = Table("not held", "wanted", "said", show_edge=False, pad_edge=False)
        for request, said in missed[:_MOST_SHOWN]:
            table.add_row(Text(request.fact.marked), Text(request.target_new), Text(said))
        out.print(table)
