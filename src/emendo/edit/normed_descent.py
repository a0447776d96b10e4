"""Gradient descent whose steps have a length of their own, for values: rows whose norms differ many times over.

    m ← β m + g / ‖g‖,      δ ← δ − η ‖v‖ m      (each row by itself)

Values of one layer differ in norm from subject to subject, and the change that is looked for is two or three times ‖v‖. Steps that
are a share of ‖v‖ reach it in less than half as many as Adam's, which are as large in every coordinate, and with a shorter δ.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class NormedDescent(torch.optim.Optimizer):
    """Descent by normed gradients with momentum.

    Args:
        delta: δ, one row a unit.
        scale: ‖v‖ of each unit.
        learning_rate: η, as a share of ‖v‖.
        momentum: β.
    """

    def __init__(self, delta: Tensor, scale: Tensor, *, learning_rate: float, momentum: float) -> None:
        super().__init__([delta], {})
        self._delta, self._length, self._momentum = delta, learning_rate * scale[:, None], momentum
        self._direction = torch.zeros_like(delta, requires_grad=False)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Move every row whose gradient is not zero."""
        gradient = self._delta.grad
        assert gradient is not None
        norms = gradient.norm(dim=1, keepdim=True)
        moves = norms > 0
        normed = gradient / norms.clamp(min=1e-30)
        self._direction = torch.where(moves, self._momentum * self._direction + normed, self._direction)
        self._delta -= torch.where(moves, self._length * self._direction, 0)
