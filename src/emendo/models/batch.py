"""Rows that generate together: read their prompts, choose a token each, run them one token further.

Rows stand flush right: each is padded on the left up to the longest. A row that ends leaves the batch; others may join it between
two tokens, already read. Which revision each row runs at is up to the caller (see `at_revisions`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import DynamicCache

from emendo.models.editable import EditableModel
from emendo.models.rows import Row, Token
from emendo.models.tokens import TokenBatch


@dataclass(frozen=True, kw_only=True, eq=False)
class Choice:
    """What one row said in one step.

    Attributes:
        row: The row, which may have ended by it.
        told: Tokens that can be told by now (see `Row.push`).
        logprobs: Of every token of the vocabulary in this place.
    """

    row: Row
    told: list[Token]
    logprobs: Float[Tensor, " vocab"]


@dataclass(kw_only=True, eq=False)
class Batch:
    """The running rows.

    Attributes:
        model: What runs.
        rows: In the order of the batch.
        cache: Attention keys and values of every row, padded on the left.
        mask: 1 at tokens, 0 at padding.
        logits: After the last token of each row.
    """

    model: EditableModel
    rows: list[Row]
    cache: DynamicCache
    mask: Int[Tensor, "rows columns"]
    logits: Float[Tensor, "rows vocab"]

    @classmethod
    def read(cls, model: EditableModel, prompts: Sequence[Sequence[int]], rows: Sequence[Row]) -> Batch:
        """The rows after one pass over their prompts."""
        batch, cache = TokenBatch.align(model, prompts, [len(prompt) for prompt in prompts]), DynamicCache()
        output = model.network.base_model(**batch.inputs(), past_key_values=cache, use_cache=True)
        logits = model.head(output.last_hidden_state[:, -1])
        return cls(model=model, rows=list(rows), cache=cache, mask=batch.attention_mask, logits=logits)

    def choose(self) -> list[Choice]:
        """One more token for every row; rows may end by it, and stay in the batch until `keep` drops them."""
        logprobs = self.logits.log_softmax(dim=-1)
        most = max(row.sampling.top_logprobs for row in self.rows)
        top = logprobs.topk(most, dim=-1) if most else None
        if any(row.sampling.temperature or row.sampling.is_adjusted for row in self.rows):
            tokens = [row.choose(logits) for row, logits in zip(self.rows, self.logits, strict=True)]
        else:
            tokens = self.logits.argmax(dim=-1).tolist()
        chosen = logprobs.gather(1, torch.tensor(tokens, device=logprobs.device)[:, None])[:, 0].tolist()
        choices = []
        for at, (row, token, logprob) in enumerate(zip(self.rows, tokens, chosen, strict=True)):
            count = row.sampling.top_logprobs
            likeliest = (
                () if top is None else tuple(zip(top[1][at, :count].tolist(), top[0][at, :count].tolist(), strict=True))
            )
            choices.append(Choice(row=row, told=row.push(token, logprob, likeliest), logprobs=logprobs[at]))
        return choices

    def going(self) -> list[int]:
        """Which rows have not ended."""
        return [at for at, row in enumerate(self.rows) if row.finish is None]

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows of the batch only."""
        index = torch.tensor(rows, device=self.mask.device)
        # The cache of each block is where the block is, which an index on the CPU fits.
        self.cache.batch_select_indices(index.cpu())
        self.mask, self.logits = self.mask[index], self.logits[index.to(self.logits.device)]
        self.rows = [self.rows[row] for row in rows]

    def advance(self) -> None:
        """Run every row over the token that it said last."""
        tokens = torch.tensor([row.ids[-1:] for row in self.rows], device=self.mask.device)
        positions = self.mask.sum(dim=1, keepdim=True)
        self.mask = torch.cat([self.mask, torch.ones_like(self.mask[:, :1])], dim=1)
        output = self.model.network.base_model(
            input_ids=tokens,
            attention_mask=self.mask,
            position_ids=positions,
            past_key_values=self.cache,
            use_cache=True,
        )
        self.logits = self.model.head(output.last_hidden_state[:, -1])

    def join(self, other: Batch) -> None:
        """Take in the rows of another batch; columns that are padding in every row go."""
        self._flush(0)
        width = max(self.mask.shape[1], other.mask.shape[1])
        for batch in (self, other):
            batch._flush(width - batch.mask.shape[1])
        for own, new in zip(self.cache.layers, other.cache.layers, strict=True):
            own.keys = torch.cat([own.keys, new.keys])
            own.values = torch.cat([own.values, new.values])
        self.mask = torch.cat([self.mask, other.mask])
        self.logits = torch.cat([self.logits, other.logits])
        self.rows += other.rows

    def _flush(self, columns: int) -> None:
        """Add columns of padding on the left, or with 0 take away those that no row needs."""
        empty = int((self.mask.sum(dim=0) == 0).long().cumprod(dim=0).sum()) if columns == 0 else 0
        if columns == empty:
            return
        for layer in self.cache.layers:
            layer.keys, layer.values = (
                torch.nn.functional.pad(states, (0, 0, columns - empty, 0)) for states in (layer.keys, layer.values)
            )
        self.mask = torch.nn.functional.pad(self.mask, (columns - empty, 0))
