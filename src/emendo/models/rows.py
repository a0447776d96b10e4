"""One row of a batch that generates: how its tokens are chosen, and what of its text can be told.

    z′ = z + bias − frequency · count − presence · [count > 0],      p = softmax(z′ / temperature), cut to the nucleus

z are the logits and count is how often the row has said a token. Log-probabilities that are reported are those of z itself.
A token is told once its text can no longer be the beginning of a stop string; characters are never split.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from jaxtyping import Float
from tokenizers.decoders import DecodeStream
from torch import Tensor

from emendo.models.editable import EditableModel

Finish = Literal["stop", "length", "cancelled"]


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How a row goes on and ends.

    Attributes:
        max_new_tokens: Most new tokens.
        temperature: 0 takes the likeliest token.
        top_p: Sample from the smallest set of tokens whose probabilities add up to this.
        seed: Of the row's own random generator.
        stop: Texts that end the row, left out of it.
        frequency_penalty: Taken off the logit of a token for every time that the row has said it.
        presence_penalty: Taken off the logit of a token that the row has said.
        logit_bias: Added to the logits of tokens, by id.
        top_logprobs: How many of the likeliest tokens are reported beside the one that is chosen.
    """

    max_new_tokens: int = 64
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    top_logprobs: int = 0

    @property
    def is_adjusted(self) -> bool:
        """Whether logits are changed before a token is chosen."""
        return bool(self.logit_bias or self.frequency_penalty or self.presence_penalty)


@dataclass(frozen=True, kw_only=True)
class Token:
    """One token of an answer.

    Attributes:
        id: In the vocabulary.
        text: What it adds to the text; empty where it only begins a character.
        start: Where that stands in the text.
        end: Where it ends.
        logprob: Natural logarithm of its probability.
        top: The likeliest tokens in its place with their logarithms, as many as were asked for.
    """

    id: int
    text: str
    start: int
    end: int
    logprob: float
    top: tuple[tuple[int, float], ...] = ()


class Row:
    """The state of one row while it runs.

    Attributes:
        ids: The new tokens, without a token that ended the row.
        logprobs: Of each of them.
        text: Their text, up to a stop string.
        finish: Why the row has ended; None while it goes on.
        ending: The token that ended the row, where one did; it is not among `ids`.
    """

    def __init__(self, model: EditableModel, prompt: Sequence[int], sampling: Sampling) -> None:
        self.sampling = sampling
        self.ids: list[int] = []
        self.logprobs: list[float] = []
        self.text = ""
        self.finish: Finish | None = None if sampling.max_new_tokens else "length"
        self.ending: Token | None = None
        self._stop_ids = model.stop_ids
        self._tokenizer = model.tokenizer.backend_tokenizer
        self._generator = torch.Generator().manual_seed(sampling.seed)
        # The prompt goes first: SentencePiece drops the space before the first token that it is shown.
        self._stream = DecodeStream(list(prompt), skip_special_tokens=True)
        self._held: deque[Token] = deque()

    def choose(self, logits: Float[Tensor, " vocab"]) -> int:
        """The row's next token."""
        sampling = self.sampling
        if sampling.is_adjusted:
            logits = self._adjusted(logits)
        if sampling.temperature == 0:
            return int(logits.argmax())
        probabilities = (logits / sampling.temperature).softmax(dim=-1)
        if sampling.top_p < 1:
            ordered, index = probabilities.sort(descending=True)
            ordered[ordered.cumsum(dim=-1) - ordered >= sampling.top_p] = 0
            probabilities = torch.zeros_like(probabilities).scatter(0, index, ordered)
        return int(torch.multinomial(probabilities.cpu(), 1, generator=self._generator))

    def push(self, token: int, logprob: float, top: tuple[tuple[int, float], ...] = ()) -> list[Token]:
        """Take one more token; the tokens that can be told by now are returned.

        Nothing from a stop string on is ever told, so tokens whose text may begin one wait for the next.
        """
        start = len(self.text)
        if token in self._stop_ids:
            self.ending = Token(id=token, text="", start=start, end=start, logprob=logprob, top=top)
            return self.end("stop")
        self.ids.append(token)
        self.logprobs.append(logprob)
        text = self._stream.step(self._tokenizer, token) or ""
        self.text += text
        self._held.append(Token(id=token, text=text, start=start, end=len(self.text), logprob=logprob, top=top))
        cut = min((at for at in map(self.text.find, self.sampling.stop) if at >= 0), default=None)
        if cut is not None:
            self.text = self.text[:cut]
            return self.end("stop")
        if len(self.ids) == self.sampling.max_new_tokens:
            return self.end("length")
        return self._told(len(self.text) - max((_overlap(self.text, stop) for stop in self.sampling.stop), default=0))

    def end(self, finish: Finish) -> list[Token]:
        """End the row; the tokens that have not been told yet are returned."""
        self.finish = finish
        told = self._told(len(self.text))
        if self._held and self._held[0].start < len(self.text):
            first, end = self._held[0], len(self.text)
            told.append(replace(first, text=first.text[: end - first.start], end=end))
        return told

    def _told(self, end: int) -> list[Token]:
        told = []
        while self._held and self._held[0].end <= end:
            told.append(self._held.popleft())
        return told

    def _adjusted(self, logits: Tensor) -> Tensor:
        sampling, adjusted = self.sampling, logits.clone()
        for token, bias in sampling.logit_bias.items():
            adjusted[token] += bias
        for token, count in Counter(self.ids).items():
            adjusted[token] -= sampling.frequency_penalty * count + sampling.presence_penalty
        return adjusted


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of a text may begin a stop string."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)
