"""Generate text at one or several revisions in one batch.

An own loop: prefill, step, sample, stop. Rows are padded on the left, each has its own revision, random generator and end; a
row that has ended leaves the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jinja2 import TemplateError
from tokenizers.decoders import DecodeStream
from torch import Tensor
from transformers import DynamicCache

from emendo.errors import InvalidRequest, PromptTooLong
from emendo.models.editable import EditableModel
from emendo.models.revision import Revision, at_revisions
from emendo.models.tokens import TokenBatch, encode

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


class _Row:
    """The state of one row while it runs."""

    def __init__(self, model: EditableModel, prompt: Sequence[int], seed: int, stop: Sequence[str]) -> None:
        self.tokenizer = model.tokenizer.backend_tokenizer
        self.generator = torch.Generator().manual_seed(seed)
        # The prompt goes first: SentencePiece drops the space before the first token that it is shown.
        self.stream = DecodeStream(list(prompt), skip_special_tokens=True)
        self.stop = stop
        self.ids: list[int] = []
        self.logprobs: list[float] = []
        self.text = ""
        self.told = 0
        self.finish: Literal["stop", "length"] | None = None

    def push(self, token: int, logprob: float) -> str:
        """Take one more token; what can be told of the text that it completes is returned.

        Nothing from a stop string on is ever told, so text that may begin one waits for the next token.
        """
        self.ids.append(token)
        self.logprobs.append(logprob)
        self.text += self.stream.step(self.tokenizer, token) or ""
        cut = min((at for at in map(self.text.find, self.stop) if at >= 0), default=None)
        if cut is not None:
            self.finish, self.text = "stop", self.text[:cut]
            return self.rest()
        return self._tell(len(self.text) - max((_overlap(self.text, stop) for stop in self.stop), default=0))

    def rest(self) -> str:
        """What has not been told yet."""
        return self._tell(len(self.text))

    def _tell(self, end: int) -> str:
        start, self.told = self.told, max(end, self.told)
        return self.text[start:end]


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of a text may begin a stop string."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)


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
    rows = [_Row(model, prompt, own, stop) for prompt, own in zip(prompts, seeds, strict=True)]
    batch = TokenBatch.align(model, prompts, [len(prompt) for prompt in prompts])
    mask, inputs = batch.attention_mask, batch.inputs()
    active = list(range(len(prompts)))
    cache = DynamicCache()

    def tell(row: int, piece: str) -> None:
        if piece and on_text is not None:
            on_text(row, piece)

    with torch.inference_mode(), at_revisions(model, revisions) as row_revisions:
        for _ in range(max_new_tokens):
            output = model.network.base_model(**inputs, past_key_values=cache, use_cache=True)
            logits = model.head(output.last_hidden_state[:, -1])
            tokens = _sample(logits, [rows[i] for i in active], temperature, top_p)
            logprobs = logits.log_softmax(dim=-1).gather(1, tokens[:, None])[:, 0].tolist()
            tokens = tokens.to(mask.device)
            for i, token, logprob in zip(active, tokens.tolist(), logprobs, strict=True):
                if token in model.stop_ids:
                    rows[i].finish = "stop"
                else:
                    tell(i, rows[i].push(token, logprob))
            going = [at for at, i in enumerate(active) if rows[i].finish is None]
            if not going:
                break
            positions = mask.sum(dim=1, keepdim=True)
            mask = torch.cat([mask, torch.ones_like(mask[:, :1])], dim=1)
            if len(going) < len(active):
                index = torch.tensor(going, device=mask.device)
                # The cache of each block is where the block is, which an index on the CPU fits.
                cache.batch_select_indices(index.cpu())
                tokens, positions, mask = tokens[index], positions[index], mask[index]
                row_revisions.keep(going)
                active = [active[at] for at in going]
            inputs = {"input_ids": tokens[:, None], "attention_mask": mask, "position_ids": positions}
    for i, row in enumerate(rows):
        tell(i, row.rest())
    return [
        Generation(
            token_ids=tuple(row.ids), text=row.text, logprobs=tuple(row.logprobs), finish_reason=row.finish or "length"
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


def _sample(logits: Tensor, rows: Sequence[_Row], temperature: float, top_p: float) -> Tensor:
    if temperature == 0:
        return logits.argmax(dim=-1)
    probabilities = (logits / temperature).softmax(dim=-1)
    if top_p < 1:
        ordered, index = probabilities.sort(dim=-1, descending=True)
        ordered[ordered.cumsum(dim=-1) - ordered >= top_p] = 0
        probabilities = torch.zeros_like(probabilities).scatter(1, index, ordered)
    draws = [torch.multinomial(p.cpu(), 1, generator=row.generator) for p, row in zip(probabilities, rows, strict=True)]
    return torch.cat(draws).to(logits.device)
