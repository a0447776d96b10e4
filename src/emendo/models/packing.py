"""Rows of different lengths without their padding, wherever tokens do not see each other.

Norms, projections and MLPs treat every token alike, so the tokens of a batch stand side by side in one row there. Attention alone
gets the batch back, with its padding, and the mask that the model made for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from emendo.models.editable import EditableModel

_NAME = "emendo_packed"


@dataclass(frozen=True, kw_only=True, eq=False)
class Packing:
    """Where the tokens of a batch stand.

    Attributes:
        rows: Rows of the batch.
        columns: Its columns.
        index: Of each token, row × columns + column; by row, then by column.
    """

    rows: int
    columns: int
    index: Int[Tensor, " tokens"]

    @classmethod
    def of(cls, is_token: Bool[Tensor, "rows columns"]) -> Packing:
        """The packing of a batch with tokens at these places."""
        return cls(rows=is_token.shape[0], columns=is_token.shape[1], index=torch.nonzero(is_token.reshape(-1))[:, 0])

    def pack(self, batch: Shaped[Tensor, "rows columns *any"]) -> Shaped[Tensor, "1 tokens *any"]:
        """The tokens, side by side."""
        return batch.reshape(-1, *batch.shape[2:]).index_select(0, self.index.to(batch.device))[None]

    def unpack(self, tokens: Shaped[Tensor, "1 tokens *any"]) -> Shaped[Tensor, "rows columns *any"]:
        """The batch, with zeros for padding."""
        flat = tokens.new_zeros(self.rows * self.columns, *tokens.shape[2:])
        return flat.index_copy(0, self.index.to(tokens.device), tokens[0]).reshape(
            self.rows, self.columns, *tokens.shape[2:]
        )

    def select(self, rows: Int[Tensor, " fewer"]) -> Packing:
        """The packing of these rows only, in this order."""
        is_token = torch.zeros(self.rows * self.columns, dtype=torch.bool)
        is_token[self.index.cpu()] = True
        return Packing.of(is_token.reshape(self.rows, self.columns)[rows.cpu()])

    @contextmanager
    def attention(self, model: EditableModel) -> Iterator[None]:
        """While the context lasts, the model's attention unpacks what it gets and packs what it gives.

        The choice stands in the model's configuration, so no other thread may run the model meanwhile.
        """
        config = _attention_config(model)
        own = config._attn_implementation
        token = _IN_FORCE.set((self, own))
        config._attn_implementation = _NAME
        try:
            yield
        finally:
            config._attn_implementation = own
            _IN_FORCE.reset(token)


_IN_FORCE: ContextVar[tuple[Packing, str]] = ContextVar("packing in force")


def can_pack(model: EditableModel) -> bool:
    """Whether the model's attention can be stepped into; whether it is exact, `check_equality` tells."""
    config = _attention_config(model)
    own = getattr(config, "_attn_implementation", None)
    return bool(getattr(model.network, "_supports_attention_backend", False)) and own in ALL_ATTENTION_FUNCTIONS


def heads_of_batch(
    packing: Packing, heads: Float[Tensor, "1 heads tokens width"]
) -> Float[Tensor, "rows heads columns width"]:
    """What attention reads, row by row."""
    return packing.unpack(heads.transpose(1, 2)).transpose(1, 2)


def _attention_config(model: EditableModel) -> Any:
    return getattr(model.blocks[0].get_submodule(model.architecture.attention), "config", None)


def _packed_attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **kwargs: Any
) -> tuple[Tensor, Tensor | None]:
    """The model's own attention on the batch; keys and values are unpacked where they meet those of the prefix."""
    packing, own = _IN_FORCE.get()
    function = ALL_ATTENTION_FUNCTIONS[own]
    output, weights = function(module, heads_of_batch(packing, query), key, value, attention_mask, **kwargs)
    return packing.pack(output), weights


ALL_ATTENTION_FUNCTIONS.register(_NAME, _packed_attention)
