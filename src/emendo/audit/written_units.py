"""Hidden units that were written: rows of a change that are longer than all others, in a matrix that feeds the units of an MLP.

    step = max over m ≤ n / 10 of  ℓ₍m₎ / max(ℓ₍m+1₎, noise),      ℓ₍₁₎ ≥ ℓ₍₂₎ ≥ … the lengths of D's rows, one for each of n units

Training and adapters reach all units, some more and some less, so that lengths follow each other closely. An edit that writes a
fact into a unit leaves the others as they were, and what is laid over it, noise or training, reaches all of them alike: a step
stays. It does not say how much was changed, so that it is the same at any strength. Rounding changes a row of large weights
more than others, which shows where training was faint; so no row counts for less than noise, or the rounding of the storage,
makes of one.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

# Between the steps of the benchmark's benign changes and those of edits beneath noise (docs/results/auditing_hidden_units.json).
STEP = 5.0
_MOST_UNITS = 0.1
# A step cannot be told to be greater: float32 rounds the rows that were left alone.
_GREATEST = 1e4


@dataclass(frozen=True, kw_only=True)
class Step:
    """The greatest step of a matrix.

    Attributes:
        units: The numbers of the units before it.
        height: How many times as long as the next the last of them is, 10,000 at most.
    """

    units: tuple[int, ...]
    height: float


def greatest_step(lengths: Float[Tensor, " units"], noise: float = 0.0) -> Step:
    """The greatest step among the longest tenth of the rows.

    Args:
        lengths: Of the rows of a change that is not zero, one for each unit; two units at least.
        noise: Length of a row of noise.
    """
    falling, order = lengths.double().sort(descending=True)
    most = max(1, int(_MOST_UNITS * len(falling)))
    steps = falling[:most] / falling[1 : most + 1].clamp(min=max(noise, float(falling[0]) / _GREATEST))
    last = int(steps.argmax())
    return Step(units=tuple(order[: last + 1].tolist()), height=float(steps[last]))
