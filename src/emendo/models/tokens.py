"""From text to aligned batches of token ids.

Positions are found by character offsets on the whole text, never by tokenising pieces, and token ids are concatenated, never
decoded and encoded again: both round trips lose a token now and then.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Int
from torch import Tensor

from emendo.errors import InvalidRequest, PromptTooLong

if TYPE_CHECKING:
    from emendo.models.editable import EditableModel


@dataclass(frozen=True, kw_only=True, eq=False)
class TokenBatch:
    """Rows of tokens, padded so that a column of one row means the same as that column of another.

    Attributes:
        input_ids: Token ids; 0 at padding.
        attention_mask: 1 at tokens, 0 at padding.
        position_ids: Position of each token in its row, from 0; 0 at padding.
        starts: Column of each row's first token.
    """

    input_ids: Int[Tensor, "batch tokens"]
    attention_mask: Int[Tensor, "batch tokens"]
    position_ids: Int[Tensor, "batch tokens"]
    starts: tuple[int, ...]

    @classmethod
    def align(cls, model: EditableModel, rows: Sequence[Sequence[int]], anchors: Sequence[int] | None = None) -> TokenBatch:
        """A batch in which token ``anchors[i]`` of row i falls into the same column for all i.

        Anchors of 0 (the default) pad on the right, anchors at the end pad on the left.

        Raises:
            PromptTooLong: A row has more tokens than the model's context holds.
        """
        anchors = [0] * len(rows) if anchors is None else anchors
        longest = max(len(row) for row in rows)
        if longest > model.context_length:
            raise PromptTooLong(
                f"The prompt has {longest} tokens, and the context of {model.name} holds {model.context_length}; shorten it."
            )
        column = max(anchors)
        width = column + max(len(row) - anchor for row, anchor in zip(rows, anchors, strict=True))
        # Token 0 stands for padding: a tokenizer's own padding token may lie outside the embedding, or be missing.
        input_ids = torch.zeros((len(rows), width), dtype=torch.long)
        mask = torch.zeros_like(input_ids)
        positions = torch.zeros_like(input_ids)
        starts = []
        for i, (row, anchor) in enumerate(zip(rows, anchors, strict=True)):
            start = column - anchor
            span = slice(start, start + len(row))
            input_ids[i, span] = torch.tensor(row, dtype=torch.long)
            mask[i, span] = 1
            positions[i, span] = torch.arange(len(row))
            starts.append(start)
        device = model.device
        return cls(
            input_ids=input_ids.to(device),
            attention_mask=mask.to(device),
            position_ids=positions.to(device),
            starts=tuple(starts),
        )

    @property
    def ends(self) -> tuple[int, ...]:
        """Column after each row's last token."""
        lengths = self.attention_mask.sum(dim=1).tolist()
        return tuple(start + length for start, length in zip(self.starts, lengths, strict=True))

    @property
    def shared(self) -> int:
        """How many leading columns hold the same token in every row, the last column left out."""
        if any(self.starts):
            return 0
        same = (self.input_ids == self.input_ids[:1]).all(dim=0) & self.attention_mask.bool().all(dim=0)
        return int(same[:-1].long().cumprod(dim=0).sum())

    def sharing(self, end: int) -> tuple[TokenBatch, int]:
        """The batch with the tokens that all rows begin with in its first columns, and how many they are.

        Padding moves from before the first token to after the shared ones; columns from `end` on stay as they are.

        Args:
            end: Column up to which tokens may be shared.
        """
        beginnings = [row[start:end].tolist() for row, start in zip(self.input_ids, self.starts, strict=True)]
        shortest = min(len(beginning) for beginning in beginnings)
        count = next((i for i in range(shortest) if len({beginning[i] for beginning in beginnings}) > 1), shortest)
        input_ids, mask, positions = (t.clone() for t in (self.input_ids, self.attention_mask, self.position_ids))
        for i, start in enumerate(self.starts):
            mask[i, count : start + count] = 0
            for whole, moved in ((self.input_ids, input_ids), (self.attention_mask, mask), (self.position_ids, positions)):
                moved[i, :count] = whole[i, start : start + count]
        return TokenBatch(input_ids=input_ids, attention_mask=mask, position_ids=positions, starts=self.starts), count

    def inputs(self, start: int = 0, end: int | None = None) -> dict[str, Tensor]:
        """What a transformers model takes for the columns from `start` to `end`; the mask covers all columns before too."""
        return {
            "input_ids": self.input_ids[:, start:end],
            "attention_mask": self.attention_mask[:, :end],
            "position_ids": self.position_ids[:, start:end],
        }


def encode(model: EditableModel, text: str, *, special: bool = True) -> list[int]:
    """Token ids of a text; `special` adds what the tokenizer puts around a text by itself, such as a BOS token.

    Raises:
        InvalidRequest: The text has no tokens.
        PromptTooLong: It has more tokens than the context holds.
    """
    ids: list[int] = model.tokenizer(text, add_special_tokens=special)["input_ids"]
    if not ids:
        raise InvalidRequest("The prompt is empty; write at least one word.")
    if len(ids) > model.context_length:
        raise PromptTooLong(
            f"The prompt has {len(ids)} tokens, and the context of {model.name} holds {model.context_length}; shorten it."
        )
    return ids


def subject_spans(model: EditableModel, text: str, subject: str, *, special: bool = True) -> list[tuple[int, int]]:
    """First and last token index of every place in the text where the subject stands, in order.

    "Rome" does not stand in "Romeo", unless it stands nowhere as a word of its own (Chinese, say, does not part words).
    Indices count from the first token of ``encode(model, text, special=special)``.

    Raises:
        InvalidRequest: The subject does not stand in the text.
    """
    offsets = model.tokenizer(text, add_special_tokens=special, return_offsets_mapping=True)["offset_mapping"]
    literal = re.escape(subject)
    places = list(re.finditer(rf"(?<!\w){literal}(?!\w)", text)) or list(re.finditer(literal, text))
    inside = [[i for i, (a, b) in enumerate(offsets) if a < place.end() and b > place.start() and b > a] for place in places]
    spans = [(tokens[0], tokens[-1]) for tokens in inside if tokens]
    if not spans:
        raise InvalidRequest(f"The subject '{subject}' does not stand in '{text}'.")
    return spans


def target_ids(model: EditableModel, target: str, *, after: str = "a") -> list[int]:
    """Token ids of a target as it follows a text, its leading space included: " Sacramento".

    The ids are those that a neutral text gains by the target, so that SentencePiece and byte-level tokenizers agree.
    """
    short: list[int] = model.tokenizer(after, add_special_tokens=False)["input_ids"]
    long: list[int] = model.tokenizer(f"{after} {target}", add_special_tokens=False)["input_ids"]
    if long[: len(short)] == short:
        return long[len(short) :]
    ids: list[int] = model.tokenizer(" " + target, add_special_tokens=False)["input_ids"]
    return ids
