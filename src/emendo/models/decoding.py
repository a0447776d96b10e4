"""Generate text at one or several revisions in one batch.

An own loop over a `Batch`: read the prompts, choose, run one token further. Each row has its own revision, random generator and
end; a row that has ended leaves the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jinja2 import TemplateError

from emendo.errors import InvalidRequest, PromptTooLong
from emendo.models.batch import Batch
from emendo.models.editable import EditableModel
from emendo.models.revision import Revision, at_revisions
from emendo.models.rows import Row, Sampling
from emendo.models.tokens import encode

ORIGINAL = Revision()


@dataclass(frozen=True, kw_only=True)
class Generation:
    """What one row said.

    Attributes:
        token_ids: The new tokens, without a token that ended the row.
        text: Their text, up to a stop string; whole characters only.
        logprobs: Natural logarithm of each new token's probability before temperature.
        finish_reason: "stop" where the model or a stop string ended the text, "length" where it was cut.
    """

    token_ids: tuple[int, ...]
    text: str
    logprobs: tuple[float, ...]
    finish_reason: Literal["stop", "length"]


def generate(
    model: EditableModel,
    prompts: Sequence[Sequence[int]],
    revisions: Sequence[Revision] = (ORIGINAL,),
    *,
    max_new_tokens: int = 64,
    temperature: float = 0.0,
    top_p: float = 1.0,
    seed: int | Sequence[int] = 0,
    stop: Sequence[str] = (),
    on_text: Callable[[int, str], None] | None = None,
) -> list[Generation]:
    """What the model says after each prompt.

    Args:
        model: The model to run.
        prompts: Token ids, one sequence a row (see `encode` and `chat_prompt`).
        revisions: One for each row, or one for all.
        max_new_tokens: Most new tokens a row.
        temperature: 0 takes the likeliest token.
        top_p: Sample from the smallest set of tokens whose probabilities add up to this.
        seed: Row i samples from a generator of its own, seeded with ``seed[i]``, or with ``seed + i`` where one is given.
        stop: Texts that end a row, left out of it.
        on_text: Called with row and new text as it comes; a row's pieces add up to its text.

    Raises:
        PromptTooLong: A prompt with its answer does not fit the context.
    """
    longest = max(len(prompt) for prompt in prompts)
    if longest + max_new_tokens > model.context_length:
        raise PromptTooLong(
            f"The prompt has {longest} tokens and {max_new_tokens} more are wanted, but the context of {model.name} "
            f"holds {model.context_length}; shorten the prompt or ask for fewer tokens."
        )
    seeds = range(seed, seed + len(prompts)) if isinstance(seed, int) else seed
    rows = [
        Row(
            model,
            prompt,
            Sampling(max_new_tokens=max_new_tokens, temperature=temperature, top_p=top_p, seed=own, stop=tuple(stop)),
        )
        for prompt, own in zip(prompts, seeds, strict=True)
    ]
    number = {row: at for at, row in enumerate(rows)}
    with torch.inference_mode(), at_revisions(model, revisions) as row_revisions:
        batch = Batch.read(model, prompts, rows)
        while batch.going():
            for choice in batch.choose():
                for token in choice.told:
                    if token.text and on_text is not None:
                        on_text(number[choice.row], token.text)
            if going := batch.going():
                if len(going) < len(batch.rows):
                    batch.keep(going)
                    row_revisions.keep(going)
                batch.advance()
    return [
        Generation(
            token_ids=tuple(row.ids),
            text=row.text,
            logprobs=tuple(row.logprobs),
            finish_reason="stop" if row.finish == "stop" else "length",
        )
        for row in rows
    ]


def chat_text(model: EditableModel, messages: Sequence[dict[str, str]]) -> str:
    """A conversation as the model's chat template writes it, up to where the assistant speaks next.

    A model without a template gets "Question: …\\nAnswer:".

    Raises:
        InvalidRequest: The template does not take these messages (some know no "system" role).
    """
    if model.tokenizer.chat_template is None:
        names = {"user": "Question", "assistant": "Answer"}
        turns = [f"{names[m['role']]}: {m['content']}" if m["role"] in names else m["content"] for m in messages]
        return "\n".join([*turns, "Answer:"])
    try:
        text: str = model.tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)
    except TemplateError as error:
        raise InvalidRequest(f"The chat template of {model.name} refuses these messages: {error}.") from error
    return text


def chat_prompt(model: EditableModel, question: str | Sequence[dict[str, str]]) -> list[int]:
    """Token ids of a question, or of messages with "role" and "content", in the model's chat template."""
    messages = [{"role": "user", "content": question}] if isinstance(question, str) else question
    return encode(model, chat_text(model, messages), special=model.tokenizer.chat_template is None)
