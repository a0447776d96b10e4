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
    from emendo.models import Generation


def command(
    question: Annotated[str, typer.Argument(help="What to ask, or with --raw the text to go on with.")],
    model: ModelOption = DEFAULT_MODEL,
    ledger: LedgerOption = None,
    at: AtOption = None,
    max_tokens: MaxTokensOption = 256,
    temperature: TemperatureOption = 0.0,
    seed: SeedOption = 0,
    raw: Annotated[bool, typer.Option("--raw", help="Complete the text as it stands, without the chat template.")] = False,
    json: JsonOption = False,
) -> None:
    """Ask the original and the edited model, side by side from one copy of the weights.

    Where no edit is in force there is one answer. Both sides draw with the same seed.

    \b
    Example:
      emendo ask "What is the capital of California?"
      emendo ask "The capital of California is" --raw --max-tokens 8
      emendo ask "What is the capital of California?" --at 1 --json
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
    if json:
        asked = {"model": session.model.name, "question": question, "raw": raw, "temperature": temperature, "seed": seed}
        console.print_json(
            {**asked, **{side: {"revision": sides[side].id, **_described(answers[side])} for side in answers}}
        )
    elif len(answers) == 1:
        console.out.print(_shown(answers["original"]))
    else:
        table = Table("original", f"edited (revision {session.revision.id})", expand=True)
        for column in table.columns:
            column.ratio = 1
        table.add_row(*map(_shown, answers.values()))
        console.out.print(table)


def _described(generation: Generation) -> dict[str, Any]:
    return {
        "text": generation.text,
        "tokens": len(generation.token_ids),
        "finish_reason": generation.finish_reason,
        "mean_logprob": sum(generation.logprobs) / len(generation.logprobs) if generation.logprobs else None,
    }


def _shown(generation: Generation) -> Text:
    return Text(generation.text.strip()).append("…" if generation.finish_reason == "length" else "", style="dim")
