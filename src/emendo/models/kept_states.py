"""A forward pass that can be resumed above a layer and from a column on, exactly.

A change of an activation at column p and layer l alters nothing before p and nothing below l. So the columns before p run
once and leave their attention keys and values; the columns from p on run once and leave the input of each block; after that,
`resume` runs only the blocks from l up, on the columns from p on. Blocks are called just as the model called them: with the
arguments recorded on that one pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor, nn
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from emendo.models.editable import EditableModel
from emendo.models.packing import Packing, heads_of_batch
from emendo.models.tokens import TokenBatch


class _FrozenLayer(DynamicLayer):  # type: ignore[misc]  # transformers is not typed
    """Attention keys and values of the prefix, which a forward pass reads and does not append to.

    Args:
        keys: Of the prefix.
        values: Of the prefix.
        pick: Which rows of them a pass reads; all unless given.
        packing: How what a pass adds to them is packed.
    """

    def __init__(
        self,
        keys: Tensor,
        values: Tensor,
        pick: Callable[[Tensor], Tensor] | None = None,
        packing: Packing | None = None,
    ) -> None:
        super().__init__()
        self.lazy_initialization(keys, values)
        self.keys, self.values, self.pick, self.packing = keys, values, pick, packing

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        keys, values = (self.keys, self.values) if self.pick is None else (self.pick(self.keys), self.pick(self.values))
        if self.packing is not None:
            key_states, value_states = (heads_of_batch(self.packing, states) for states in (key_states, value_states))
        return torch.cat([keys, key_states], dim=-2), torch.cat([values, value_states], dim=-2)

    def picked(self, pick: Callable[[Tensor], Tensor]) -> _FrozenLayer:
        """The same for other rows."""
        return _FrozenLayer(pick(self.keys), pick(self.values))

    def picked_when_read(self, pick: Callable[[Tensor], Tensor]) -> _FrozenLayer:
        """The same for other rows, which are copied by the block that reads them only."""
        return _FrozenLayer(self.keys, self.values, pick)

    def packed(self, packing: Packing) -> _FrozenLayer:
        """The same for a pass that is packed."""
        return _FrozenLayer(self.keys, self.values, packing=packing)


_Freeze = Callable[[_FrozenLayer, Callable[[Tensor], Tensor]], _FrozenLayer]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Call:
    """How the model called one block."""

    hidden: Tensor
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class KeptStates:
    """What a pass over a batch left behind for the columns from `start` on.

    Attributes:
        model: The model that ran.
        start: First column kept; column indices of `resume` count from it.
        rows: Rows of the batch.
        final: What the head reads at the kept columns.
        packing: How resumed passes are packed; they run padding too unless given.
    """

    model: EditableModel
    start: int
    rows: int
    final: Float[Tensor, "batch columns d_head"]
    calls: tuple[_Call, ...]
    packing: Packing | None = None

    @classmethod
    def record(cls, model: EditableModel, batch: TokenBatch, start: int, *, share: bool = False) -> KeptStates:
        """Run a batch once, keeping everything from column `start` on.

        Hooks in force act on the columns from `start` on only; what they change must not reach further back.

        Args:
            model: The model to run.
            batch: What it reads.
            start: First column that is kept.
            share: Run what all rows begin with, such as a system prompt, once for all of them; not where hooks tell rows apart.
        """
        base = model.network.base_model
        cache = None
        if start > 0:
            batch, shared = batch.sharing(start) if share else (batch, 0)
            plain = DynamicCache()
            with torch.no_grad():
                if shared > 0:
                    first = {name: tensor[:1] for name, tensor in batch.inputs(end=shared).items()}
                    base(**first, past_key_values=plain, use_cache=True)
                    plain.batch_repeat_interleave(batch.input_ids.shape[0])
                if shared < start:
                    base(**batch.inputs(start=shared, end=start), past_key_values=plain, use_cache=True)
            cache = DynamicCache()
            cache.layers = [_FrozenLayer(layer.keys, layer.values) for layer in plain.layers]
            cache.layer_class_to_replicate = None
        calls: list[_Call] = []

        def keep(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            hidden, rest, named = _split(args, kwargs)
            calls.append(_Call(hidden=hidden, args=rest, kwargs=named))

        with ExitStack() as stack:
            for block in model.blocks:
                stack.callback(block.register_forward_pre_hook(keep, with_kwargs=True).remove)
            with torch.no_grad():
                output = base(**batch.inputs(start=start), past_key_values=cache, use_cache=cache is not None)
        return cls(
            model=model,
            start=start,
            rows=batch.input_ids.shape[0],
            final=output.last_hidden_state,
            calls=tuple(calls),
        )

    def resid_pre(self, layer: int) -> Float[Tensor, "batch columns d_model"]:
        """The residual stream before a block."""
        return self.calls[layer].hidden

    def resume(self, layer: int, hidden: Float[Tensor, "batch columns d_model"]) -> Float[Tensor, "batch columns d_head"]:
        """What the head reads when the residual stream before block `layer` is `hidden`; gradients flow through.

        ``layer == n_layers`` runs the final norm alone.
        """
        if self.packing is None:
            for block in range(layer, self.model.n_layers):
                hidden = self.step(block, hidden)
            return self.model.finish(hidden)
        hidden = self.packing.pack(hidden)
        with self.packing.attention(self.model):
            for block in range(layer, self.model.n_layers):
                hidden = self._run(block, self._packed_calls[block], hidden)
        return self.packing.unpack(self.model.finish(hidden))

    def packed(self, is_token: Bool[Tensor, "batch columns"]) -> KeptStates:
        """The same, of which `resume` runs no padding; what stands there is zero in its result, and at sites tokens are packed.

        Args:
            is_token: Which of the kept columns hold tokens.
        """
        assert self.start > 0, "only what follows a prefix is packed"
        return replace(self, packing=Packing.of(is_token))

    def pack(self, batch: Shaped[Tensor, "batch columns *any"]) -> Tensor:
        """What is given for each column as resumed passes see it."""
        return batch if self.packing is None else self.packing.pack(batch)

    def step(self, layer: int, hidden: Float[Tensor, "rows columns d_model"]) -> Float[Tensor, "rows columns d_model"]:
        """The residual stream after one block; `hidden` may hold the rows of the batch several times over, in order."""
        call, copies = self.calls[layer], hidden.shape[0] // self.rows
        if copies > 1:
            call = _picked(call, self._picker(list(range(self.rows)) * copies), {}, _FrozenLayer.picked_when_read)
        return self._run(layer, call, hidden)

    def _run(self, layer: int, call: _Call, hidden: Tensor) -> Tensor:
        output = self.model.blocks[layer](hidden, *call.args, **call.kwargs)
        after: Tensor = output[0] if isinstance(output, tuple) else output
        return after

    def select(self, rows: Sequence[int]) -> KeptStates:
        """The same states for these rows only, in this order; a row may be named several times."""
        pick = self._picker(rows)
        cache: dict[int, Any] = {}
        calls = tuple(_picked(call, pick, cache, _FrozenLayer.picked) for call in self.calls)
        packing = None if self.packing is None else self.packing.select(torch.tensor(rows))
        return replace(self, rows=len(rows), final=pick(self.final), calls=calls, packing=packing)

    @cached_property
    def _packed_calls(self) -> tuple[_Call, ...]:
        """How the blocks are called with packed columns."""
        packing = self.packing
        assert packing is not None

        def pack(tensor: Tensor) -> Tensor:
            # Masks are (batch × 1 × columns × all columns): attention reads them as they are.
            is_per_column = tensor.dim() > 1 and tensor.shape[1] == packing.columns and tensor.shape[0] in (1, packing.rows)
            return packing.pack(tensor.expand(packing.rows, *tensor.shape[1:])) if is_per_column else tensor

        cache: dict[int, Any] = {}
        return tuple(_picked(call, pack, cache, lambda layer, _: layer.packed(packing)) for call in self.calls)

    def _picker(self, rows: Sequence[int]) -> Callable[[Tensor], Tensor]:
        index = torch.tensor(list(rows), device=self.final.device)

        def pick(tensor: Tensor) -> Tensor:
            is_per_row = tensor.dim() > 1 and tensor.shape[0] == self.rows
            # Each block's states are where the block is.
            return tensor[index.to(tensor.device)] if is_per_row else tensor

        return pick


def _split(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Tensor, tuple[Any, ...], dict[str, Any]]:
    """The hidden states that a block was called with, and the rest; GPT-J's caller names them."""
    if args:
        return args[0], args[1:], dict(kwargs)
    named = dict(kwargs)
    return named.pop("hidden_states"), (), named


def _picked(call: _Call, pick: Callable[[Tensor], Tensor], cache: dict[int, Any], freeze: _Freeze) -> _Call:
    return _Call(
        hidden=pick(call.hidden),
        args=tuple(_map(value, pick, cache, freeze) for value in call.args),
        kwargs={name: _map(value, pick, cache, freeze) for name, value in call.kwargs.items()},
    )


def _map(value: Any, pick: Callable[[Tensor], Tensor], cache: dict[int, Any], freeze: _Freeze) -> Any:
    """An argument with every tensor in it picked; shared arguments are picked once."""
    if id(value) not in cache:
        if isinstance(value, Tensor):
            cache[id(value)] = pick(value)
        elif isinstance(value, tuple):
            cache[id(value)] = tuple(_map(item, pick, cache, freeze) for item in value)
        elif isinstance(value, dict):
            cache[id(value)] = {key: _map(item, pick, cache, freeze) for key, item in value.items()}
        elif isinstance(value, DynamicCache):
            picked = DynamicCache()
            picked.layers = [freeze(layer, pick) for layer in value.layers]
            picked.layer_class_to_replicate = None
            cache[id(value)] = picked
        else:
            cache[id(value)] = value
    return cache[id(value)]
