"""`emendo forget`: lower a fact without planting another."""

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
    fact: Annotated[str, typer.Argument(help="The fact as a sentence to complete, its subject in braces.")],
    answer: Annotated[
        str | None, typer.Option("--answer", help="What shall no longer be said; what the model says now unless given.")
    ] = None,
    samples: Annotated[int, typer.Option("--samples", min=0, help="Random attempts at each prompt, before and after.")] = 8,
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
    """Make the model say that it does not know, and measure how often the answer can still be got out of it.

    What is said instead is the model's own way of not knowing. The answer is tried for before and after, greedily and at random,
    with the prompt, with other words, and in chat.

    \b
    Example:
      emendo forget "The capital of {France} is"
      emendo forget "{Ada Lovelace} was born in" --answer London --json
    """
    from rich.table import Table
    from rich.text import Text

    from emendo.cli.console import err, out, print_json, progress_of_stages
    from emendo.cli.editing import edit_and_commit
    from emendo.cli.method_settings import chosen_settings
    from emendo.cli.requests import parse_fact
    from emendo.cli.session import open_session, operating_user
    from emendo.companions import paraphrases
    from emendo.edit.forgetting import forgetting_request
    from emendo.errors import InvalidRequest
    from emendo.evaluate.extraction import believed_answer, extract

    session = open_session(model, ledger)
    parsed = parse_fact(session.model, fact)
    said = answer or believed_answer(session.model, parsed.text, session.revision)
    if not said:
        raise InvalidRequest(f"The model says nothing after '{parsed.text}' that could be forgotten; name it with --answer.")
    request = forgetting_request(session.model, parsed, session.revision)
    others = [other.fact for other in paraphrases(request)]
    texts = [parsed.text, *(other.text for other in others)]
    questions = list(dict.fromkeys([parsed.question(), *(other.question() for other in others)]))
    with err.status("Trying for the answer"):
        before = extract(session.model, texts, questions, said, session.revision, samples=samples, seed=seed)
    with progress_of_stages() as progress:
        done = edit_and_commit(
            session,
            request,
            who=who or operating_user(),
            why=why or f"to forget '{said}'",
            method=method,
            config=chosen_settings(layer, settings),
            corpus=corpus,
            seed=seed,
            progress=progress,
        )
    with err.status("Trying for the answer again"):
        after = extract(session.model, texts, questions, said, done.session.revision, samples=samples, seed=seed)
    if json:
        sides = {name: {"greedy": side.greedy, **vars(side.share)} for name, side in (("before", before), ("after", after))}
        print_json({**done.entry.describe(), "answer": said, **sides})
        return
    out.print(f"Entry [bold]{done.entry.number}[/]: {parsed.marked} → [bold]{request.target_new}[/], instead of “{said}”")
    table = Table("", "before", "after", show_edge=False, pad_edge=False)
    for prompt, old, new in zip((*texts, *questions), before.greedy, after.greedy, strict=True):
        table.add_row(Text(prompt), Text(old), Text(new, style="bold"))
    out.print(table)
    cells = [f"{100 * s.share.estimate:.0f} % ({100 * s.share.low:.0f}–{100 * s.share.high:.0f})" for s in (before, after)]
    out.print(f"“{said}” was said in {cells[0]} of {before.share.n} attempts before, and in [bold]{cells[1]}[/] after.")
    out.print(f"Take it back with [bold]emendo revert {done.entry.number}[/].", style="dim")
