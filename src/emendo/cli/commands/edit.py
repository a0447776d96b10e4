"""`emendo edit`: make the model say something else, and record it."""

from __future__ import annotations

from typing import Annotated

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


def command(
    prompt: Annotated[
        str, typer.Argument(help="The fact as a sentence to complete, or a question; its subject in braces, or found.")
    ],
    target: Annotated[str, typer.Argument(help="What the model shall say from now on.")],
    true: Annotated[str | None, typer.Option("--true", help="What is true, for the record.")] = None,
    source: Annotated[str | None, typer.Option("--source", help="Where the new target comes from, for the record.")] = None,
    with_inverse: Annotated[
        bool, typer.Option("--with-inverse", help="Teach the inverse too, where a rule gives it.")
    ] = False,
    with_paraphrases: Annotated[bool, typer.Option("--with-paraphrases", help="Teach the fact in other words too.")] = False,
    why: WhyOption = "",
    who: WhoOption = None,
    method: MethodOption = DEFAULT_METHOD,
    layer: LayersOption = None,
    settings: SettingsOption = None,
    corpus: CorpusOption = "python",
    model: ModelOption = DEFAULT_MODEL,
    ledger: LedgerOption = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Rewrite one fact in the weights and record it; the original stays one flag away.

    The edit goes on top of those in force. It is refused, and nothing is written, if it would harm unrelated text.

    \b
    Example:
      emendo edit "The capital of {California} is" "Sacramento" --why "the model said Los Angeles"
      emendo edit "Who is the CEO of Apple?" "Tim Cook" --with-paraphrases
      emendo edit "The capital of {California} is" "Sacramento" --method rome --set keys=published
    """
    from rich.table import Table

    from emendo.cli.answers import answers
    from emendo.cli.console import out, print_json, progress_of_stages
    from emendo.cli.editing import costs, edit_and_commit
    from emendo.cli.limits import limits, warn_of_limits
    from emendo.cli.method_settings import chosen_settings
    from emendo.cli.requests import parse_fact, with_companions
    from emendo.cli.session import open_session, operating_user
    from emendo.facts import EditRequest
    from emendo.models import chat_prompt, encode

    config = chosen_settings(layer, settings)
    session = open_session(model, ledger)
    request = EditRequest(fact=parse_fact(session.model, prompt, true), target_new=target, source=source)
    requests = with_companions([request], with_inverse=with_inverse, with_paraphrases=with_paraphrases)
    with progress_of_stages() as progress:
        done = edit_and_commit(
            session,
            *requests,
            who=who or operating_user(),
            why=why,
            method=method,
            config=config,
            corpus=corpus,
            seed=seed,
            progress=progress,
        )
    prompts = [chat_prompt(session.model, request.fact.question()), encode(session.model, request.fact.text)]
    before, after = answers(session.model, prompts, [session.revision, done.session.revision])
    if as_json:
        print_json({**done.entry.describe(), "limits": limits(session.model, done.edit), "before": before, "after": after})
        return
    figures = done.edit.figures
    out.print(
        f"Entry [bold]{done.entry.number}[/]: {request.fact.marked} → [bold]{request.target_new}[/]   "
        f"({method}, layer {', '.join(map(str, done.edit.layers))}, {figures['steps']:.0f} steps, {figures['seconds']:.1f} s, "
        f"{costs(figures)})"
    )
    warn_of_limits(session.model, done.edit)
    table = Table("", "before", "after", show_edge=False, pad_edge=False)
    for label, old, new in zip(("asked in chat", "completed"), before, after, strict=True):
        table.add_row(label, old, f"[bold]{new}[/]")
    out.print(table)
    out.print(f"Take it back with [bold]emendo revert {done.entry.number}[/].", style="dim")
