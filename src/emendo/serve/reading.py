"""Read one prompt at one revision, a piece at a time, so that others go on meanwhile."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import DynamicCache

from emendo.models import EditableModel, Revision, Token, at_revisions
from emendo.serve.kept_prefixes import States

PIECE = 128


class Reading:
    """The state of one prompt while it is read.

    Args:
        model: Who reads.
        prompt: Token ids.
        revision: At which it is read.
        scored: Keep log-probabilities of the prompt's tokens, with this many of the likeliest.
        known: How many tokens were read before, and their keys and values.
    """

    def __init__(
        self,
        model: EditableModel,
        prompt: tuple[int, ...],
        revision: Revision,
        scored: int | None,
        known: tuple[int, States] = (0, ()),
    ) -> None:
        self.model, self.prompt, self.revision = model, prompt, revision
        self.done, states = known
        self.cache = DynamicCache()
        for layer, (keys, values) in enumerate(states):
            self.cache.update(keys, values, layer)
        self.logits: Float[Tensor, "1 vocab"] | None = None
        self._scored = scored
        self._scores: list[tuple[float, tuple[tuple[int, float], ...]]] = [(math.nan, ())]

    def advance(self) -> bool:
        """Read one more piece; whether that was the last."""
        end, device = min(self.done + PIECE, len(self.prompt)), self.model.device
        with torch.inference_mode(), at_revisions(self.model, [self.revision]):
            output = self.model.network.base_model(
                input_ids=torch.tensor([self.prompt[self.done : end]], device=device),
                attention_mask=torch.ones((1, end), dtype=torch.long, device=device),
                position_ids=torch.arange(self.done, end, device=device)[None],
                past_key_values=self.cache,
                use_cache=True,
            )
            hidden = output.last_hidden_state
            if self._scored is not None:
                self._score(self.model.head(hidden[0]), self.done + 1)
            if end == len(self.prompt):
                self.logits = self.model.head(hidden[:, -1])
        self.done = end
        return self.logits is not None

    def tokens(self) -> tuple[Token, ...] | None:
        """The prompt's tokens with their log-probabilities, where these were wanted."""
        if self._scored is None:
            return None
        tokens, at = [], 0
        for token, (logprob, top) in zip(self.prompt, self._scores, strict=True):
            text = self.model.tokenizer.decode([token])
            tokens.append(Token(id=token, text=text, start=at, end=at + len(text), logprob=logprob, top=top))
            at += len(text)
        return tuple(tokens)

    def _score(self, logits: Float[Tensor, "tokens vocab"], first: int) -> None:
        """Keep the log-probabilities of the tokens from number `first` on, each from the logits before it."""
        following = self.prompt[first : first + logits.shape[0]]
        logprobs = logits[: len(following)].log_softmax(dim=-1)
        if not following:
            return
        chosen = logprobs.gather(1, torch.tensor(following, device=logits.device)[:, None])[:, 0].tolist()
        values, ids = logprobs.topk(self._scored or 1, dim=-1)
        for logprob, likeliest, at in zip(chosen, values.tolist(), ids.tolist(), strict=True):
            self._scores.append((logprob, tuple(zip(at, likeliest, strict=True)) if self._scored else ()))
