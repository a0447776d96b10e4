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
