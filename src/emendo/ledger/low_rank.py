"""A change of low rank: bounded, and added to a matrix so that every machine gets the same bits.

    Δ = Σᵢ uᵢ vᵢᵀ,      W' = round(float32(W) + float32(Δ))

The product of two float32 numbers is exact in float64, so summing the columns in order in float64 gives the same Δ whatever
the matrix library and its threads; a merged checkpoint can therefore be verified by its digest. Fused multiplication changes
nothing, because there is nothing to round before the sum.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from emendo.models import EditableModel, SiteDelta, WeightDelta
from emendo.models.editable import tensor_digest

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def limit_rank(change: SiteDelta) -> SiteDelta:
    """The same change with at most min(d_model, d_mlp) columns: QR of both factors, SVD of the core between them.

    U = Q_u R_u,  V = Q_v R_v,  R_u R_vᵀ = A S Bᵀ,      Δ = (Q_u A S)(Q_v B)ᵀ
    """
    most = min(change.output_factor.shape[0], change.input_factor.shape[0])
    if change.rank <= most:
        return change
    q_u, r_u = torch.linalg.qr(change.output_factor.double())
    q_v, r_v = torch.linalg.qr(change.input_factor.double())
    a, s, b = torch.linalg.svd(r_u @ r_v.T, full_matrices=False)
    return SiteDelta(
        site=change.site,
        output_factor=(q_u @ (a * s))[:, :most].float().contiguous(),
        input_factor=(q_v @ b.T)[:, :most].float().contiguous(),
    )


def stored_form(delta: WeightDelta) -> WeightDelta:
    """The delta as a patch holds it: on the CPU, in float32, its rank bounded at every site."""
    changes = (
        SiteDelta(site=c.site, output_factor=c.output_factor.float().cpu(), input_factor=c.input_factor.float().cpu())
        for c in delta.changes
    )
    return WeightDelta(changes=tuple(limit_rank(change) for change in changes))


def exact_dense(change: SiteDelta) -> Float[Tensor, "outputs inputs"]:
    """Δ in float32, with the same bits on every machine."""
    u, v = change.output_factor.double().cpu(), change.input_factor.double().cpu()
    total = torch.zeros(u.shape[0], v.shape[0], dtype=torch.float64)
    for column in range(change.rank):
        total.addr_(u[:, column], v[:, column])
    return total.float()


def merged_weight(model: EditableModel, change: SiteDelta) -> Float[Tensor, "_ _"]:
    """W + Δ in float32, in the orientation in which the model stores W."""
    merged = model.weight(change.site).float().cpu() + exact_dense(change)
    return (merged.T if model.architecture.transposed else merged).contiguous()


def merged_digests(model: EditableModel, change: SiteDelta) -> dict[str, str]:
    """`tensor_digest` of the merged tensor, rounded once to each of `DTYPES`."""
    merged = merged_weight(model, change)
    return {name: tensor_digest(merged.to(dtype)) for name, dtype in DTYPES.items()}
