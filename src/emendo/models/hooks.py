"""Read and replace activations.

Sites of a block, in the order in which they are computed:

    resid_pre → attn_out → mlp_in → key (d_mlp) → value → mlp_out → resid_post

`mlp_in` is what the MLP's first matrices read, `key` is the input and `value` the output of the down-projection; `mlp_out` is
what the MLP module returns, the same as `value` in every family here. A block or module may return a tensor or a tuple, and take
its input by position or by keyword.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from transformers import DynamicCache

from emendo.models.editable import EditableModel
from emendo.models.tokens import TokenBatch

Kind = Literal["resid_pre", "resid_post", "attn_out", "mlp_in", "mlp_out", "key", "value"]


@dataclass(frozen=True)
class Site:
    """An activation of one layer."""

    kind: Kind
    layer: int


@contextmanager
def patch_activation(model: EditableModel, site: Site, function: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """While the context lasts, the activation at a site is what `function` makes of it.

    Args:
        model: The model to run.
        site: Which activation.
        function: From the activation (batch × tokens × width) to its replacement.
    """
    block, module = model.blocks[site.layer], _module(model, site)
    batch_and_tokens: list[int] = []

    def remember(hidden: Tensor) -> Tensor:
        batch_and_tokens[:] = hidden.shape[:-1]
        return hidden

    def shaped(activation: Tensor) -> Tensor:
        # OPT flattens batch and tokens before its MLP.
        replacement = function(activation.reshape(*batch_and_tokens, activation.shape[-1])).reshape(activation.shape)
        # What was computed in float32 goes on as the model computes; under autocast every module sees to that itself.
        return replacement if torch.is_autocast_enabled(activation.device.type) else replacement.to(activation.dtype)

    with ExitStack() as stack:
        stack.callback(_on_input(block, remember).remove)
        on = _on_input if site.kind in ("resid_pre", "mlp_in", "key") else _on_output
        stack.callback(on(module, shaped).remove)
        yield


@contextmanager
def capture(model: EditableModel, sites: Iterable[Site]) -> Iterator[dict[Site, Tensor]]:
    """While the context lasts, each forward pass leaves its activations at the sites in the yielded dictionary."""
    activations: dict[Site, Tensor] = {}

    def keeper(site: Site) -> Callable[[Tensor], Tensor]:
        def keep(activation: Tensor) -> Tensor:
            activations[site] = activation
            return activation

        return keep

    with ExitStack() as stack:
        for site in sites:
            stack.enter_context(patch_activation(model, site, keeper(site)))
        yield activations


class _Reached(Exception):
    """Ends a forward pass once the deepest site has been read."""


def read_until(model: EditableModel, batch: TokenBatch, sites: Sequence[Site], *, shared: int = 0) -> dict[Site, Tensor]:
    """The activations at some sites, of a pass without gradients that stops at the deepest of them.

    Args:
        model: The model to run.
        batch: What it reads.
        sites: Which activations, (batch × tokens × width) each.
        shared: Leading columns that are equal in all rows: they run once for all of them and are left out of the result.
    """
    order: tuple[Kind, ...] = ("resid_pre", "attn_out", "mlp_in", "key", "value", "mlp_out", "resid_post")
    deepest = max(sites, key=lambda site: (site.layer, order.index(site.kind)))

    def stop(_: Tensor) -> Tensor:
        raise _Reached

    base, cache = model.network.base_model, None
    with torch.no_grad():
        if shared:
            first = {name: tensor[:1] for name, tensor in batch.inputs(end=shared).items()}
            cache = DynamicCache()
            with patch_activation(model, deepest, stop), suppress(_Reached):
                base(**first, past_key_values=cache, use_cache=True)
            cache.batch_repeat_interleave(len(batch.starts))
        with capture(model, sites) as activations, patch_activation(model, deepest, stop), suppress(_Reached):
            base(**batch.inputs(start=shared), past_key_values=cache, use_cache=cache is not None)
    return activations


def _module(model: EditableModel, site: Site) -> nn.Module:
    block, architecture = model.blocks[site.layer], model.architecture
    paths = {
        "attn_out": architecture.attention,
        "mlp_in": architecture.up_projections[0],
        "mlp_out": architecture.mlp,
        "key": architecture.down_projection,
        "value": architecture.down_projection,
    }
    return block.get_submodule(paths.get(site.kind, ""))


def _on_input(module: nn.Module, function: Callable[[Tensor], Tensor]) -> RemovableHandle:
    def hook(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if args:
            return (function(args[0]), *args[1:]), kwargs
        return args, kwargs | {"hidden_states": function(kwargs["hidden_states"])}

    return module.register_forward_pre_hook(hook, with_kwargs=True)


def _on_output(module: nn.Module, function: Callable[[Tensor], Tensor]) -> RemovableHandle:
    def hook(_: nn.Module, __: tuple[Any, ...], output: Any) -> Any:
        return (function(output[0]), *output[1:]) if isinstance(output, tuple) else function(output)

    return module.register_forward_hook(hook)
