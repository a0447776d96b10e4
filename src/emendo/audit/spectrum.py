"""What a difference of two matrices looks like: its leading singular values and vectors, and how far they stand out.

    D = W' − W ≈ Σᵢ σᵢ uᵢ vᵢᵀ,      i ≤ 64

by a randomised SVD with two power iterations (Halko, Martinsson and Tropp 2011, algorithm 4.4). A component stands out if its σ
is above the edge of what noise of that size has (Marchenko and Pastur 1967),

    edge = ρ (√rows + √columns),

where ρ is the root mean square of what is left of D without those that stand out, or the edge of the storage's rounding, whose
errors differ from row to row: the greatest norm of a row and that of a column, added up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

COMPONENTS = 64
_OVERSAMPLING = 8
_POWER_ITERATIONS = 2
# The largest singular value of noise strays above the edge by a few percent in matrices of this size.
_MARGIN = 1.1
_PRECISION = 1e-5


@dataclass(frozen=True, kw_only=True, eq=False)
class Spectrum:
    """The leading part of a difference.

    Attributes:
        norm: Frobenius norm of the difference.
        relative_norm: The same, as a share of that of the base's matrix.
        values: σ, largest first.
        outputs: u, as columns.
        inputs: v, as columns.
        edge: What noise would reach.
        output_norms: Norm of each row of the difference.
        input_norms: Norm of each column.
    """

    norm: float
    relative_norm: float
    values: Float[Tensor, " components"]
    outputs: Float[Tensor, "rows components"]
    inputs: Float[Tensor, "columns components"]
    edge: float
    output_norms: Float[Tensor, " rows"]
    input_norms: Float[Tensor, " columns"]

    @property
    def turned(self) -> Spectrum:
        """That of the transposed difference."""
        return replace(
            self, outputs=self.inputs, inputs=self.outputs, output_norms=self.input_norms, input_norms=self.output_norms
        )

    @property
    def row_of_noise(self) -> float:
        """The length of a row of noise that reaches the edge."""
        rows, columns = len(self.output_norms), len(self.input_norms)
        return self.edge * math.sqrt(columns) / (math.sqrt(rows) + math.sqrt(columns))

    @property
    def rank(self) -> int:
        """How many components stand out of the noise; `COMPONENTS` means as many or more."""
        return int((self.values > _MARGIN * self.edge).sum())

    @property
    def top_share(self) -> float:
        """Share of the energy ‖D‖² in the first component."""
        return float(self.values[0] ** 2) / self.norm**2

    @property
    def shown_share(self) -> float:
        """Share of the energy in the components that stand out."""
        return float((self.values[: self.rank] ** 2).sum()) / self.norm**2

    @property
    def gap(self) -> float:
        """The last σ that stands out over the next one, 1 where none does."""
        if not 0 < self.rank < len(self.values):
            return 1.0
        return float(self.values[self.rank - 1] / self.values[self.rank].clamp(min=1e-30))


def spectrum_of(
    difference: Float[Tensor, "rows columns"], base_norm: float, *, floor: float = 0.0, seed: int = 0
) -> Spectrum:
    """The spectrum of a difference that is not zero.

    Args:
        difference: D, in float32.
        base_norm: Frobenius norm of the base's matrix.
        floor: The edge of the storage's rounding (`edge_of`).
        seed: Of the random projection.
    """
    u, s, v = _leading(difference, seed)
    norm = norm_of(difference)
    edge = _edge(s, norm, difference.shape[0], difference.shape[1], floor)
    return Spectrum(
        norm=norm,
        relative_norm=norm / max(base_norm, 1e-30),
        values=s,
        outputs=u,
        inputs=v,
        edge=edge,
        output_norms=difference.norm(dim=1),
        input_norms=difference.norm(dim=0),
    )


def edge_of(errors: Float[Tensor, "rows columns"]) -> float:
    """The edge of noise with errors of such sizes."""
    return float(errors.float().norm(dim=1).max() + errors.float().norm(dim=0).max())


def norm_of(matrix: Tensor) -> float:
    """The Frobenius norm, summed in float64: in float32 the sum over a large matrix is off by parts in a thousand."""
    return float(torch.linalg.vector_norm(matrix, dtype=torch.float64))


def _edge(values: Tensor, norm: float, rows: int, columns: int, floor: float) -> float:
    """The edge of the noise that is left without the components above the edge: begun with none, until it stays."""
    squares = values.double().square().cumsum(dim=0)
    shown = 0
    while True:
        left = max(0.0, norm * norm - (float(squares[shown - 1]) if shown else 0.0))
        free = max(1, (rows - shown) * (columns - shown))
        edge = math.sqrt(left / free) * (math.sqrt(rows) + math.sqrt(columns))
        # float32 itself: what the subtraction and the products round.
        edge = max(edge, floor, _PRECISION * float(values[0]))
        above = int((values > _MARGIN * edge).sum())
        if above <= shown:
            return edge
        shown = above


def _leading(matrix: Tensor, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    count = min(COMPONENTS, *matrix.shape)
    generator = torch.Generator().manual_seed(seed)
    width = min(count + _OVERSAMPLING, *matrix.shape)
    basis = torch.linalg.qr(matrix @ torch.randn(matrix.shape[1], width, generator=generator))[0]
    for _ in range(_POWER_ITERATIONS):
        basis = torch.linalg.qr(matrix.T @ basis)[0]
        basis = torch.linalg.qr(matrix @ basis)[0]
    u, s, vt = torch.linalg.svd(basis.T @ matrix, full_matrices=False)
    return (basis @ u)[:, :count].contiguous(), s[:count], vt[:count].T.contiguous()
