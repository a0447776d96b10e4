"""A suspect without its base: what its matrices look like by themselves. A hint at most, and said to be one.

An edit of some strength is among the leading components of the edited matrix W' = W + σ u vᵀ itself, and answers to one name,
as the directions that training leaves behind do not. So the leading components of each down-projection are held against the
inputs that names have in the suspect itself, whose own text statistics stand in for the base's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from emendo.audit.compare import TensorChange
from emendo.audit.finding import Finding
from emendo.audit.findings import Progress, find
from emendo.audit.spectrum import spectrum_of
from emendo.models import EditableModel

LEADING = 8


@dataclass(frozen=True, kw_only=True)
class Alone:
    """What a suspect shows by itself.

    Attributes:
        suspect: Its name.
        findings: A matrix each, the one whose leading components answer most to a single name first.
        ratios: σ₁ / σ₂ of each matrix, by name.
        candidates: How many names were tried.
    """

    suspect: str
    findings: tuple[Finding, ...]
    ratios: dict[str, float]
    candidates: int


def audit_alone(
    name: str, model: Callable[[], EditableModel], subjects: Sequence[str], *, progress: Progress | None = None
) -> Alone:
    """What a suspect shows without its base.

    Args:
        name: What it is called.
        model: Loads it.
        subjects: Candidates.
        progress: Called with a stage, how much is done, and of how much.
    """
    loaded = model()
    changes = leading_components(loaded)
    (found,) = find(loaded, [changes], subjects, progress=progress)
    ratios = {c.name: float(c.spectrum.values[0] / c.spectrum.values[1]) for c in changes if c.spectrum is not None}
    return Alone(
        suspect=name,
        findings=tuple(sorted(found.findings, key=lambda finding: -finding.prominence)),
        ratios=ratios,
        candidates=len(subjects),
    )


def leading_components(model: EditableModel) -> list[TensorChange]:
    """The down-projections as if they were changes: their own leading components instead of a difference's."""
    changes = []
    for layer in range(model.n_layers):
        site = model.down_projection(layer)
        stored = model.tensor(f"{site}.weight").float()
        whole = spectrum_of(stored, float(stored.norm()))
        leading = replace(
            whole,
            values=whole.values[:LEADING],
            inputs=whole.inputs[:, :LEADING],
            outputs=whole.outputs[:, :LEADING],
            edge=0.0,
        )
        changes.append(TensorChange(name=f"{site}.weight", kind="changed", relative_norm=1.0, spectrum=leading))
    return changes
