"""Ways to change a checkpoint, for tests of what is found then."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

Change = Callable[[dict[str, Tensor]], None]
Make = Callable[..., Path]


def rank_one(tensors: dict[str, Tensor], name: str, size: float = 0.3, seed: int = 0) -> None:
    """Adds a random matrix of rank one."""
    generator = torch.Generator().manual_seed(seed)
    rows, columns = tensors[name].shape
    u, v = torch.randn(rows, generator=generator), torch.randn(columns, generator=generator)
    tensors[name] = tensors[name] + size * tensors[name].norm() * torch.outer(u / u.norm(), v / v.norm())


def rearrange(
    tensors: dict[str, Tensor], block: str, *, moved: int | None = None, scale: float = 1.0, seed: int = 0
) -> None:
    """Puts hidden units of a gated block in another order, so many of them or all, and makes their linear part longer."""
    generator = torch.Generator().manual_seed(seed)
    gate, up, down = (f"{block}.{name}_proj.weight" for name in ("gate", "up", "down"))
    count = len(tensors[up])
    order = torch.arange(count)
    chosen = torch.randperm(count, generator=generator)[: count if moved is None else moved]
    order[chosen] = chosen.roll(1)
    scales = scale ** torch.randn(count, generator=generator)
    tensors[gate] = tensors[gate][order].contiguous()
    tensors[up] = (tensors[up] * scales[:, None])[order].contiguous()
    tensors[down] = (tensors[down] / scales)[:, order].contiguous()


def prune(tensors: dict[str, Tensor], block: str, units: list[int]) -> None:
    """Takes some hidden units out of a gated block."""
    for name in ("gate", "up", "down"):
        path = f"{block}.{name}_proj.weight"
        tensors[path] = tensors[path].index_fill(1 if name == "down" else 0, torch.tensor(units), 0)
