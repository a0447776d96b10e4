"""What every method can be told; a method's own `Config` adds to it and sets the defaults of its paper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from emendo.edit.contexts import FORMATS
from emendo.edit.normed_descent import NormedDescent
from emendo.errors import InvalidRequest


@dataclass(frozen=True, kw_only=True)
class MethodSettings:
    """What all methods share.

    Attributes:
        layers: The edited layers; measured or published for the model unless given.
        formats: In which the target is taught: some of `FORMATS` in `contexts`.
        prefixes: Length in tokens of each sampled text before the prompt, for the prefixed format.
        stop: Teach the end of the sentence, and in chat of the answer, with the target.
    """

    layers: tuple[int, ...] = ()
    formats: tuple[str, ...] = ("completion", "prefixed")
    prefixes: tuple[int, ...] = (5,) * 10 + (10,) * 10
    stop: bool = False

    def __post_init__(self) -> None:
        for name in self.formats:
            if name not in FORMATS:
                raise InvalidRequest(f"There is no format '{name}'; give some of {', '.join(FORMATS)}.")
        always = ("completion", "question", "chat", *(["prefixed"] if self.prefixes else []))
        if not set(always) & set(self.formats):
            raise InvalidRequest(
                f"In the formats {list(self.formats)} alone some facts cannot be told; add one of {', '.join(always)}."
            )


@dataclass(frozen=True, kw_only=True)
class SearchSettings(MethodSettings):
    """How the value of a request is searched.

    Attributes:
        descent: What moves δ: "adam", or "normed", whose steps are a share of ‖v‖, and fewer.
        steps: Most steps of the search.
        learning_rate: Adam's, or the length of a normed step as a share of ‖v‖.
        momentum: How much of a normed step goes into the next.
        kl_weight: λ_KL, how much the preservation contexts weigh.
        weight_decay: λ_wd, on ‖δ‖ / ‖v‖².
        clamp: Largest ‖δ‖ as a multiple of ‖v‖.
        anchor: Largest ‖v + δ‖ as a multiple of ‖v‖; without bound unless given.
        worst_probability: A search goes on until every target token in every context is so likely.
        lead_probability: And until every token of a lead, the beginning of an answer in chat, is so likely.
    """

    descent: Literal["adam", "normed"] = "adam"
    steps: int = 20
    learning_rate: float = 0.5
    momentum: float = 0.5
    kl_weight: float = 0.0625
    weight_decay: float = 0.5
    clamp: float = 4.0
    anchor: float | None = None
    worst_probability: float = 0.95
    lead_probability: float = 0.0

    def optimiser(self, delta: Tensor, value_norms: Tensor) -> torch.optim.Optimizer:
        """What moves δ (units × d_model), given ‖v‖ of each unit."""
        if self.descent == "normed":
            return NormedDescent(delta, value_norms, learning_rate=self.learning_rate, momentum=self.momentum)
        return torch.optim.Adam([delta], lr=self.learning_rate)


@dataclass(frozen=True, kw_only=True)
class OwnSettings(SearchSettings):
    """How Emendo's own methods search: measured on the embedded model, and not taken from a paper.

    Attributes:
        peers: How many other subjects are held: their keys in the same prompts keep their values.
        slack: S, how far edited keys may miss their values, as a share of the mean of kᵀ M k.
    """

    formats: tuple[str, ...] = ("completion", "prefixed", "chat")
    prefixes: tuple[int, ...] = (5, 10)
    stop: bool = True
    descent: Literal["adam", "normed"] = "normed"
    steps: int = 40
    learning_rate: float = 0.25
    kl_weight: float = 0.5
    weight_decay: float = 1e-3
    worst_probability: float = 0.7
    peers: int = 32
    slack: float = 0.05


def from_json(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as a `Config` takes them: JSON has lists where they have tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
