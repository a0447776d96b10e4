"""The one closed-form update that every method is.

Requests give keys K (d_mlp × m) and residuals R (d_model × m), the change that the output at each key shall undergo. With M₀ the
inverse of the prior precision and S a slack,

    G = (S + Kᵀ M K)⁻¹ Kᵀ M,      Δ = R G.

ROME (Meng et al. 2022, equation 2) is m = 1, S = 0, M₀ = C⁻¹, where it reads

    Δ = (v − W k) (C⁻¹ k)ᵀ / (kᵀ C⁻¹ k).

The change of a fact is one vector δ at each of its keys, so R = δ 1ᵀ and Δ = δ uᵀ with u = Gᵀ 1: rank one, however many contexts
gave a key. M is never formed; C = L Lᵀ is solved by Cholesky, in float64.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def update_directions(
    keys: Float[Tensor, "d_mlp m"],
    second_moment: Float[Tensor, "d_mlp d_mlp"],
    slack: float,
) -> Float[Tensor, "m d_mlp"]:
    """G, one row a key: Δ = R G changes the output at key j by R[:, j], up to the slack.

    Args:
        keys: K, one column a key.
        second_moment: C = E[k kᵀ], positive definite.
        slack: S as a share of the mean of kᵀ C⁻¹ k; 0 fits every key exactly.
    """
    factor = torch.linalg.cholesky(second_moment.double())
    k = keys.double()
    solved = torch.cholesky_solve(k, factor)
    gram = k.T @ solved
    ridge = slack * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    directions: Tensor = torch.linalg.solve(gram + ridge, solved.T)
    return directions.to(keys.dtype)
