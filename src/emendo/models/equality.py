"""Whether the savings that Emendo relies on are exact for a model.

Three short cuts are taken everywhere; the first two hold only if no token is influenced by a later one:

    KeptStates.resume(l, resid_pre(l)) = full pass            (edits are optimised on it)
    the same, packed (`packing`)       = full pass            (likewise, where the model's attention can be stepped into)
    step by step with a cache          = full pass            (answers are decoded with it)

Differences are relative to the largest hidden state. Rounding alone stays well below the square root of the dtype's epsilon.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache

from emendo.models.editable import EditableModel
from emendo.models.kept_states import KeptStates
from emendo.models.packing import can_pack
from emendo.models.tokens import TokenBatch, encode

# Of different lengths, so that padding on either side takes part.
_TEXTS = (
    "The capital of France is Paris, and the river that runs through it is the Seine.",
    "Water boils at a hundred degrees.",
    "Question: Who wrote the play about the prince of Denmark? Answer: It was written by",
)


@dataclass(frozen=True, kw_only=True)
class Equality:
    """How far the short cuts are from the full pass.

    Attributes:
        resumed: Largest difference of a resumed pass, relative to the largest hidden state.
        packed: Of a resumed pass without padding, likewise; infinite where the model's attention cannot be stepped into.
        cached: Largest difference of decoding with a cache, likewise.
        tolerance: What rounding in the model's dtype may amount to.
    """

    resumed: float
    packed: float
    cached: float
    tolerance: float

    @property
    def resumed_holds(self) -> bool:
        """Whether kept states may stand in for the full pass."""
        return self.resumed <= self.tolerance

    @property
    def packed_holds(self) -> bool:
        """Whether resumed passes may leave padding out."""
        return self.packed <= self.tolerance

    @property
    def cached_holds(self) -> bool:
        """Whether a cache may stand in for the full pass."""
        return self.cached <= self.tolerance


def check_equality(model: EditableModel, *, cached: bool = True) -> Equality:
    """How far resumed and cached passes are from the full pass, on a small batch of sentences.

    Args:
        model: The model to check.
        cached: Whether decoding with a cache is checked too; its difference is NaN, and does not hold, where it is not.
    """
    rows = [encode(model, text) for text in _TEXTS]
    batch = TokenBatch.align(model, rows, [len(row) // 2 for row in rows])
    start = max(len(row) // 2 for row in rows)
    with torch.no_grad():
        whole = model.hidden(batch)
        is_token = batch.attention_mask[:, start:].bool().to(whole.device)
        full = whole[:, start:][is_token].float()

        def difference(hidden: Tensor) -> float:
            return float((hidden[is_token].float() - full).abs().max() / full.abs().max())

        kept = KeptStates.record(model, batch, start)
        layers = {0, model.n_layers // 2, model.n_layers - 1}
        resumed = max(difference(kept.resume(layer, kept.resid_pre(layer))) for layer in layers)
        packed = math.inf
        if can_pack(model):
            short = kept.packed(batch.attention_mask[:, start:].bool())
            packed = max(difference(short.resume(layer, short.resid_pre(layer))) for layer in layers)
        stepped = difference(_step_by_step(model, batch, start)) if cached else math.nan
    return Equality(resumed=resumed, packed=packed, cached=stepped, tolerance=torch.finfo(model.dtype).eps ** 0.5)


def _step_by_step(model: EditableModel, batch: TokenBatch, start: int) -> Tensor:
    """The last hidden states from column `start` on, one column at a time."""
    base, cache = model.network.base_model, DynamicCache()
    base(**batch.inputs(end=start), past_key_values=cache, use_cache=True)
    columns = [
        base(**batch.inputs(start=column, end=column + 1), past_key_values=cache, use_cache=True).last_hidden_state
        for column in range(start, batch.input_ids.shape[1])
    ]
    return torch.cat(columns, dim=1)
