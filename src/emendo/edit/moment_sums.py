"""Sums over keys, slice by slice of a corpus, so that several processes can add up one second moment.

    sum = Σ k kᵀ,      first = Σ k,      fourth = Σ ‖k‖⁴,      n = number of keys

over the tokens of a slice, position 0 of each row left out. A slice is one piece (`emendo.pieces`) for all wanted layers, which
share its forward passes. What the MLP reads ("mlp_in") is added up like keys where it is wanted. Of hidden units, whose values keys
are, used = Σ h² is told in either case, and start = Σ h² at position 0. Of each symmetric sum only the lower triangle is kept, row
after row, in float32.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from safetensors.torch import load, save
from torch import Tensor

from emendo.models import EditableModel, Site, TokenBatch, load_again, loaded_from, read_until
from emendo.pieces import Crew, Work, code_digest

MomentKind = Literal["key", "mlp_in"]

ROW_TOKENS = 256
_ROWS_AT_ONCE = 4
_SLICE_TOKENS = 4096
# A sum of an 8B model is 400 MB a layer, and all of them are kept until they are folded.
_MOST_SLICES = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class Summing:
    """The context of the pieces: whose keys are added up.

    Attributes:
        model: At its original revision.
        layers: Which layers.
        kind: "key", or "mlp_in".
    """

    model: EditableModel
    layers: tuple[int, ...]
    kind: MomentKind


@dataclass(frozen=True, kw_only=True, eq=False)
class Sums:
    """Sums over all slices, in float64.

    Attributes:
        products: Σ k kᵀ by layer.
        firsts: Σ k by layer.
        fourths: Σ ‖k‖⁴ by layer.
        used: Σ h² of each hidden unit, by layer.
        starts: The same at position 0.
        n: Number of keys.
        rows: Number of keys at position 0.
    """

    products: Mapping[int, Float[Tensor, "width width"]]
    firsts: Mapping[int, Float[Tensor, " width"]]
    fourths: Mapping[int, float]
    used: Mapping[int, Float[Tensor, " d_mlp"]]
    starts: Mapping[int, Float[Tensor, " d_mlp"]]
    n: int
    rows: int


def moment_site(model: EditableModel, kind: MomentKind, layer: int) -> str:
    """The matrix that reads the keys of a kind."""
    return model.down_projection(layer) if kind == "key" else model.up_projections(layer)[0]


def summing_work(model: EditableModel, layers: Sequence[int], kind: MomentKind, crew: Crew) -> Work:
    """The job of adding up the keys of some layers, whose pieces are slices of token ids."""
    return Work(
        prepare="emendo.edit.moment_sums:prepare",
        compute="emendo.edit.moment_sums:compute",
        shared={
            "model": model.digest,
            "device": model.device.type,
            "layers": list(layers),
            "kind": kind,
            "sites": [moment_site(model, kind, layer) for layer in layers],
            "code": code_digest("edit", "models"),
        },
        where={} if crew.is_here else {"source": loaded_from(model)},
        threads=crew.threads,
    )


def slices(model: EditableModel, ids: Sequence[int]) -> list[list[int]]:
    """Token ids in few slices, each of whole batches."""
    batch = _ROWS_AT_ONCE * row_tokens(model)
    size = -(-max(_SLICE_TOKENS, -(-len(ids) // _MOST_SLICES)) // batch) * batch
    return [list(ids[at : at + size]) for at in range(0, len(ids), size)]


def row_tokens(model: EditableModel) -> int:
    """Tokens of a row."""
    return min(ROW_TOKENS, model.context_length)


def fold(sums: Iterable[bytes], model: EditableModel, layers: Sequence[int], kind: MomentKind) -> Sums:
    """The sums of all slices, added up in their order."""
    side = _width(model, kind)
    firsts = {layer: torch.zeros(side, dtype=torch.float64) for layer in layers}
    used, starts = ({layer: torch.zeros(model.d_mlp, dtype=torch.float64) for layer in layers} for _ in range(2))
    totals = {layer: torch.zeros(side * (side + 1) // 2, dtype=torch.float64) for layer in layers}
    fourths, n, rows = dict.fromkeys(layers, 0.0), 0, 0
    for data in sums:
        tensors = load(data)
        n, rows = n + int(tensors["n"]), rows + int(tensors["rows"])
        for layer in layers:
            totals[layer] += tensors[f"{layer}.sum"]
            firsts[layer] += tensors[f"{layer}.first"]
            used[layer] += tensors[f"{layer}.used"]
            starts[layer] += tensors[f"{layer}.start"]
            fourths[layer] += float(tensors[f"{layer}.fourth"])
    # One at a time: the matrix written out is twice the triangle.
    products = {layer: _mirrored(totals.pop(layer), side) for layer in layers}
    return Sums(products=products, firsts=firsts, fourths=fourths, used=used, starts=starts, n=n, rows=rows)


def prepare(shared: Mapping[str, Any], where: Mapping[str, Any]) -> Summing:
    """The context of a worker."""
    return Summing(model=load_again(where["source"], shared["model"]), layers=tuple(shared["layers"]), kind=shared["kind"])


def compute(context: Summing, piece: Sequence[int]) -> bytes:
    """The sums over a slice, as a safetensors file."""
    model, side = context.model, _width(context.model, context.kind)
    sums = {layer: torch.zeros(side, side) for layer in context.layers}
    firsts = {layer: torch.zeros(side, dtype=torch.float64) for layer in context.layers}
    used, starts = ({layer: torch.zeros(model.d_mlp, dtype=torch.float64) for layer in context.layers} for _ in range(2))
    fourths, n, count = {layer: torch.zeros((), dtype=torch.float64) for layer in context.layers}, 0, 0
    for rows in _batches(piece, row_tokens(model)):
        batch = TokenBatch.align(model, rows)
        counted = batch.attention_mask.bool()
        counted[:, 0] = False
        sites = dict.fromkeys(Site(kind, layer) for kind in (context.kind, "key") for layer in context.layers)
        activations = read_until(model, batch, list(sites))
        for layer in context.layers:
            seen, hidden = (activations[Site(kind, layer)].reshape(*counted.shape, -1) for kind in (context.kind, "key"))
            keys = seen[counted.to(seen.device)].float().cpu()
            sums[layer].addmm_(keys.T, keys)
            firsts[layer] += keys.double().sum(dim=0)
            squares = hidden.double().square().cpu()
            used[layer] += squares[counted].sum(dim=0)
            starts[layer] += squares[:, 0].sum(dim=0)
            fourths[layer] += (keys.double().square().sum(dim=1) ** 2).sum()
        n, count = n + int(counted.sum()), count + len(rows)
    tensors = {f"{layer}.sum": _triangle(total) for layer, total in sums.items()}
    for layer in context.layers:
        tensors |= {f"{layer}.first": firsts[layer], f"{layer}.fourth": fourths[layer]}
        tensors |= {f"{layer}.used": used[layer], f"{layer}.start": starts[layer]}
    return save(tensors | {"n": torch.tensor(n), "rows": torch.tensor(count)})


def _width(model: EditableModel, kind: MomentKind) -> int:
    return model.d_mlp if kind == "key" else model.d_model


def _batches(ids: Sequence[int], width: int) -> Iterator[list[Sequence[int]]]:
    rows = [ids[at : at + width] for at in range(0, len(ids), width)]
    rows = [row for row in rows if len(row) > 1]
    for at in range(0, len(rows), _ROWS_AT_ONCE):
        yield rows[at : at + _ROWS_AT_ONCE]


def _triangle(matrix: Tensor) -> Tensor:
    """The lower triangle, row after row."""
    return torch.cat([row[: at + 1] for at, row in enumerate(matrix)])


def _mirrored(triangle: Tensor, side: int) -> Tensor:
    """The symmetric matrix of a lower triangle."""
    matrix = torch.zeros(side, side, dtype=triangle.dtype)
    for at, row in enumerate(torch.split(triangle, list(range(1, side + 1)))):
        matrix[at, : at + 1] = row
        matrix[: at + 1, at] = row
    return matrix
