"""A matrix that was changed, and what its change looks like."""

from __future__ import annotations

import re
from dataclasses import dataclass

from emendo.audit.compare import TensorChange
from emendo.audit.subjects import Suspected

# Of the energy of a change, what may lie along the leading directions of the text.
MOST_LEADING = 0.25


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A matrix that was changed, and what its change looks like.

    Attributes:
        name: Of the tensor.
        layer: The number in its name; None where there is none.
        relative_norm: ‖D‖ / ‖W‖.
        rank: Components that stand out of the noise; 64 means as many or more.
        top_share: Share of the energy in the first component.
        shown_share: Share of the energy in the components that stand out.
        gap: The last σ that stands out over the next.
        is_down_projection: Whether it is the matrix that closed-form edits write to.
        step: In a matrix that feeds hidden units, how far a few of its rows stand out of all others (`written_units`); 1 elsewhere.
        written: How many hidden units were written, after this step; 0 where it is one of training or of adapters.
        energy: q of the components that stand out, weighed by σ²; None for matrices whose inputs were not read.
        lowest_energy: The least q of a component that stands out.
        leading_share: Share of the energy ‖D‖² along the leading directions of the text; where it is above `MOST_LEADING`, all that
            has to do with inputs is told of the rest.
        look: Which components that look takes.
        suspected: The names that it answers to most, strongest first.
    """

    name: str
    layer: int | None
    relative_norm: float
    rank: int
    top_share: float
    shown_share: float
    gap: float
    is_down_projection: bool = False
    step: float = 1.0
    written: int = 0
    energy: float | None = None
    lowest_energy: float | None = None
    leading_share: float | None = None
    look: str = ""
    suspected: tuple[Suspected, ...] = ()

    @property
    def prominence(self) -> float:
        """How far the first name stands out; 0 where none was looked for."""
        return self.suspected[0].deviations if self.suspected else 0.0


def finding_of(change: TensorChange) -> Finding:
    """What the weights alone show of a changed matrix."""
    spectrum = change.spectrum
    assert spectrum is not None
    layer = re.search(r"\.(\d+)\.", f".{change.name}")
    return Finding(
        name=change.name,
        layer=None if layer is None else int(layer[1]),
        relative_norm=spectrum.relative_norm,
        rank=spectrum.rank,
        top_share=spectrum.top_share,
        shown_share=spectrum.shown_share,
        gap=spectrum.gap,
    )
