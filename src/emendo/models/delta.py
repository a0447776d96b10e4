"""A change of weights as a value: low-rank factors at named sites.

    W' = W + U Vᵀ,      U: outputs × rank,   V: inputs × rank

Nothing is written into the model; `Revision` adds (x V) Uᵀ to the output of the site.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property, reduce

import torch
from jaxtyping import Float
from torch import Tensor

from emendo.models.editable import tensor_digest

# Of the factors of many deltas, so many are copied in float64 at a time.
_COLUMNS = 4096


@dataclass(frozen=True, kw_only=True, eq=False)
class SiteDelta:
    """The change of one matrix.

    Attributes:
        site: Full module path of the matrix, as a rule a down-projection.
        output_factor: U, in float32.
        input_factor: V, in float32.
    """

    site: str
    output_factor: Float[Tensor, "outputs rank"]
    input_factor: Float[Tensor, "inputs rank"]

    @property
    def rank(self) -> int:
        return self.output_factor.shape[1]

    @cached_property
    def norm(self) -> float:
        """Frobenius norm of U Vᵀ, from the factors while they are the smaller: ‖U Vᵀ‖² = sum of (UᵀU) ∘ (VᵀV)."""
        if self.rank**2 > self.output_factor.shape[0] * self.input_factor.shape[0]:
            blocks = zip(*(torch.split(f, _COLUMNS, dim=1) for f in (self.output_factor, self.input_factor)), strict=True)
            return float(reduce(torch.add, (u.double() @ v.double().T for u, v in blocks)).norm())
        u, v = self.output_factor.double(), self.input_factor.double()
        return float(((u.T @ u) * (v.T @ v)).sum().clamp(min=0).sqrt())

    def dense(self) -> Float[Tensor, "outputs inputs"]:
        """U Vᵀ written out, in float32 and open to gradients, whatever mode the model is running in."""
        with torch.inference_mode(False), torch.autocast(self.output_factor.device.type, enabled=False):
            return self.output_factor @ self.input_factor.T

    @cached_property
    def multipliers(self) -> tuple[Tensor, ...]:
        """What an input is multiplied by in turn: V and Uᵀ, or the matrix written out where the rank makes that less work."""
        outputs, inputs = self.output_factor.shape[0], self.input_factor.shape[0]
        if self.rank * (outputs + inputs) > outputs * inputs:
            return (self.dense().T,)
        return (self.input_factor, self.output_factor.T)


@dataclass(frozen=True, kw_only=True, eq=False)
class WeightDelta:
    """The change of one or more matrices: what an edit computes and a patch stores."""

    changes: tuple[SiteDelta, ...]

    @cached_property
    def digest(self) -> str:
        """SHA-256 over sites and factors."""
        lines = [f"{c.site} {tensor_digest(c.output_factor)} {tensor_digest(c.input_factor)}" for c in self.changes]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def is_finite(self) -> bool:
        """Whether no factor holds NaN or infinity."""
        return all(bool(torch.isfinite(f).all()) for c in self.changes for f in (c.output_factor, c.input_factor))
