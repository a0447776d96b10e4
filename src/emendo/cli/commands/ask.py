"""`emendo ask`: what the original and the edited model say, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from emendo.cli import console
from emendo.cli.options import (
    DEFAULT_MODEL,
    AtOption,
    JsonOption,
    LedgerOption,
    MaxTokensOption,
    ModelOption,
    SeedOption,
    TemperatureOption,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emendo.cli.session import Session
    from emendo.models import Generation
    from emendo.verify import Report


def command(
    question: Annotated[str, typer.Argument(help="What to ask, or with --raw the text to go on with.")],
    model: ModelOption = DEFAULT_MODEL,
    ledger: LedgerOption = None,
    at: AtOption = None,
    max_tokens: MaxTokensOption = 256,
    temperature: TemperatureOption = 0.0,
    seed: SeedOption = 0,
    raw: Annotated[bool, typer.Option("--raw", help="Complete the text as it stands, without the chat template.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Check the answers against the embedded tables.")] = False,
    json: JsonOption = False,
) -> None:
    """Ask the original and the edited model, side by side from one copy of the weights.

    Where no edit is in force there is one answer. Both sides draw with the same seed.

    \b
    Example:
      emendo ask "What is the capital of California?"
      emendo ask "The capital of California is" --raw --max-tokens 8
      emendo ask "What is the capital of California?" --at 1 --json
      emendo ask "What is the capital of California?" --verify
    """
    from emendo.cli.session import open_session
    from emendo.models import ORIGINAL, chat_prompt, encode, generate

    session = open_session(model, ledger, at)
    prompt = encode(session.model, question) if raw else chat_prompt(session.model, question)
    sides = {"original": ORIGINAL} | ({"edited": session.revision} if session.revision.deltas else {})
    with console.err.status("Answering"):
        said = generate(
            session.model,
            [prompt] * len(sides),
            list(sides.values()),
            max_new_tokens=max(1, min(max_tokens, session.model.context_length - len(prompt))),
            temperature=temperature,
            seed=[seed] * len(sides),
        )
    answers = dict(zip(sides, said, strict=True))
    reports = _verified(session, at, "" if raw else question, answers) if verify else {}
    if json:
        asked = {"model": session.model.name, "question": question, "raw": raw, "temperature": temperature, "seed": seed}
        console.print_json(
            {
                **asked,
                **{
                    side: {
                        "revision": sides[side].id,
                        **_described(answers[side]),
                        **({"verification": reports[side].describe()} if verify else {}),
                    }
                    for side in answers
                },
            }
        )
    elif len(answers) == 1:
        console.out.print(_shown(answers["original"]))
    else:
        table = Table("original", f"edited (revision {session.revision.id})", expand=True)
        for column in table.columns:
            column.ratio = 1
        table.add_row(*map(_shown, answers.values()))
        console.out.print(table)
    if not json:
        _print_verdicts(reports)


def _verified(session: Session, at: str | None, question: str, answers: Mapping[str, Generation]) -> dict[str, Report]:
    """The report on what each side says; the ledger's edits are told of beside the evidence."""
    from emendo.cli.verifying import edits_in_force, open_sources
    from emendo.verify import verify_answer

    sources = open_sources(None, edits_in_force(session.ledger, at))
    return {side: verify_answer(question, said.text.strip(), sources=sources) for side, said in answers.items()}


def _print_verdicts(reports: Mapping[str, Report]) -> None:
    from emendo.cli.verifying import summary_of, table_of

    for side, report in reports.items():
        console.out.print(Text(f"\n{side}: {summary_of(report)}", style="bold"))
        console.out.print(table_of(report))


def _described(generation: Generation) -> dict[str, Any]:
    return {
        "text": generation.text,
        "tokens": len(generation.token_ids),
        "finish_reason": generation.finish_reason,
        "mean_logprob": sum(generation.logprobs) / len(generation.logprobs) if generation.logprobs else None,
    }


def _shown(generation: Generation) -> Text:
    return Text(generation.text.strip()).append("…" if generation.finish_reason == "length" else "", style="dim")
