"""The one closed-form update that every method is.

Requests give keys K (d_mlp × m) and residuals R (d_model × m), the change that the output at each key shall undergo. With M = A₀⁻¹
the inverse of the prior precision and S a slack, the update that costs least under the prior is

    Δ = R G,      G = (S + Kᵀ M K)⁻¹ Kᵀ M.

    prior             A₀               method
    of_moment         C                ROME (Meng et al. 2022, equation 2), EMMET (Gupta et al. 2024)
                      λC               MEMIT (Meng et al. 2023, equation 14)
                      λC + αI          MEMIT in sequence, with a penalty on the norm (ENCORE, Gupta et al. 2025)
    of_null_space     M = P / λ        AlphaEdit (Fang et al. 2024); P projects on what the corpus hardly uses

Keys that shall keep their values, of earlier edits or of other subjects, are *held*: they stand in K with a residual of zero.
Holding them once and for all changes the prior only,

    A₀ ← A₀ + K S⁻¹ Kᵀ,      M ← M − (M K) G,

in O(n² m), however many were held before; releasing them is the same with −S. Everything is float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class ClosedForm:
    """A prior: what an update of one matrix costs.

    Attributes:
        inverse: M, symmetric, in float64.
    """

    inverse: Float[Tensor, "d_mlp d_mlp"]

    @classmethod
    def of_moment(cls, moment: Float[Tensor, "d_mlp d_mlp"], *, weight: float = 1.0, ridge: float = 0.0) -> ClosedForm:
        """M = (λC + αI)⁻¹, by Cholesky.

        Args:
            moment: C = E[k kᵀ], positive definite.
            weight: λ.
            ridge: α.
        """
        precision = weight * moment.double()
        precision.diagonal().add_(ridge)
        return cls(inverse=torch.cholesky_inverse(torch.linalg.cholesky(precision)))

    @classmethod
    def of_null_space(cls, moment: Float[Tensor, "d_mlp d_mlp"], *, share: float, weight: float = 1.0) -> ClosedForm:
        """M = P / λ, with P the projection on the eigenvectors of C that together carry at most a share of its trace.

        A share says the same for every model; a threshold on eigenvalues changes its meaning with the scale of C.

        Args:
            moment: C = E[k kᵀ].
            share: Of the trace, between 0 and 1.
            weight: λ.
        """
        values, vectors = torch.linalg.eigh(moment.double())
        free = vectors[:, values.cumsum(dim=0) <= share * values.sum()]
        return cls(inverse=free @ free.T / weight)

    def directions(self, keys: Float[Tensor, "d_mlp m"], slack: float) -> Float[Tensor, "m d_mlp"]:
        """G, one row a key: Δ = R G changes the output at key j by R[:, j], up to the slack.

        Args:
            keys: K, one column a key.
            slack: S = slack · I; 0 fits every key exactly.
        """
        _, directions = self._solve(keys, slack)
        return directions.float()

    def direction(
        self, keys: Float[Tensor, "d_mlp m"], held: Float[Tensor, "d_mlp p"], slack: float
    ) -> Float[Tensor, " d_mlp"]:
        """u: one at every key, and zero at those that are held, up to the slack."""
        wanted = torch.cat([torch.ones(keys.shape[1]), torch.zeros(held.shape[1])])
        return self.fit(torch.cat([keys, held], dim=1), wanted, slack)

    def fit(
        self, keys: Float[Tensor, "d_mlp m"], wanted: Float[Tensor, " m"], slack: float | Float[Tensor, " m"]
    ) -> Float[Tensor, " d_mlp"]:
        """u: what is wanted at each key, up to the slack, of all or of each."""
        _, directions = self._solve(keys, slack)
        return (wanted.to(directions) @ directions).float()

    def scale(self, keys: Float[Tensor, "d_mlp m"]) -> float:
        """The mean of kᵀ M k: what a relative slack is a share of."""
        k = keys.double()
        return float((k * (self.inverse @ k)).sum(dim=0).mean())

    def holding(self, keys: Float[Tensor, "d_mlp m"], slack: float) -> ClosedForm:
        """The prior under which these keys keep their values, up to the slack."""
        reached, directions = self._solve(keys, slack)
        return ClosedForm(inverse=self.inverse - reached @ directions)

    def releasing(self, keys: Float[Tensor, "d_mlp m"], slack: float) -> ClosedForm:
        """The inverse of `holding`."""
        return self.holding(keys, -slack)

    def _solve(self, keys: Float[Tensor, "d_mlp m"], slack: float | Float[Tensor, " m"]) -> tuple[Tensor, Tensor]:
        """M K and G, in float64."""
        k = keys.to(self.inverse)
        reached = self.inverse @ k
        gram = k.T @ reached
        gram.diagonal().add_(slack)
        return reached, torch.linalg.solve(gram, reached.T)
