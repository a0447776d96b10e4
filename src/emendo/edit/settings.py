"""What every method can be told; a method's own `Config` adds to it and sets the defaults of its paper."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class MethodSettings:
    """What all methods share.

    Attributes:
        layers: The edited layers; measured or published for the model unless given.
        formats: In which the target is taught: "completion", "prefixed", "question", "chat".
        prefixes: Length in tokens of each sampled text before the prompt, for the prefixed format.
        stop: Teach the end of the sentence, and in chat of the answer, with the target.
    """

    layers: tuple[int, ...] = ()
    formats: tuple[str, ...] = ("completion", "prefixed")
    prefixes: tuple[int, ...] = (5,) * 10 + (10,) * 10
    stop: bool = False


@dataclass(frozen=True, kw_only=True)
class SearchSettings(MethodSettings):
    """How the value of a request is searched.

    Attributes:
        steps: Most steps of Adam.
        learning_rate: Adam's.
        kl_weight: λ_KL, how much the preservation contexts weigh.
        weight_decay: λ_wd, on ‖δ‖ / ‖v‖².
        clamp: Largest ‖δ‖ as a multiple of ‖v‖.
        anchor: Largest ‖v + δ‖ as a multiple of ‖v‖; without bound unless given.
        worst_probability: A search ends when no target token in any context is less likely than this.
    """

    steps: int = 20
    learning_rate: float = 0.5
    kl_weight: float = 0.0625
    weight_decay: float = 0.5
    clamp: float = 4.0
    anchor: float | None = None
    worst_probability: float = 0.95

    def optimiser(self, delta: Tensor, value_norms: Tensor) -> torch.optim.Optimizer:
        """What moves δ (units × d_model), given ‖v‖ of each unit."""
        return torch.optim.Adam([delta], lr=self.learning_rate)
