"""The second moment of keys: what a matrix is used for, and so what an edit must leave alone.

    C = E[k kᵀ] over the tokens of a corpus,      shrunk to (1 − ρ) C + ρ (tr C / n) I

with ρ after Ledoit and Wolf (2004), because small eigenvalues are where edits go and a sample understates them. One packed pass
serves all wanted layers and stops at the deepest; position 0, an attention sink with huge norms, is left out. 10 · d_mlp tokens
are enough (FastMEMIT). The corpus is added up in slices (`moment_sums`), which several processes can share, and whose sums are kept
until they are folded in their order: a run that is killed goes on, and the result is the same to the bit. It is kept under a key of
model digest, site, corpus digest and token count.

Of what the MLP reads ("mlp_in") there is a second moment too, for edits that write to the matrices before the down-projection; it
is of d_model numbers, and so many times smaller.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from emendo.edit.corpora import Corpus
from emendo.edit.moment_sums import MomentKind, Summing, Sums, fold, moment_site, slices, summing_work
from emendo.models import EditableModel
from emendo.pieces import Crew, forget_pieces, run_pieces

_TENSORS = ("matrix", "mean", "used", "start")


@dataclass(frozen=True, kw_only=True, eq=False)
class SecondMoment:
    """C of one site, in float32, shrunk.

    Attributes:
        site: Full module path of the matrix that reads the keys.
        matrix: The shrunk C.
        mean: E[k].
        used: E[h²] of each hidden unit of the layer.
        start: The same at position 0.
        tokens: How many keys it was computed from.
        corpus: Name of the corpus.
        corpus_digest: SHA-256 of the token ids.
        shrinkage: ρ.
    """

    site: str
    matrix: Float[Tensor, "width width"]
    mean: Float[Tensor, " width"]
    used: Float[Tensor, " d_mlp"]
    start: Float[Tensor, " d_mlp"]
    tokens: int
    corpus: str
    corpus_digest: str
    shrinkage: float

    def statement(self) -> dict[str, object]:
        """Where the matrix comes from, for provenance."""
        digest = hashlib.sha256(self.matrix.contiguous().numpy().data).hexdigest()
        return {
            "site": self.site,
            "digest": digest,
            "tokens": self.tokens,
            "corpus": self.corpus,
            "corpus_digest": self.corpus_digest,
            "shrinkage": self.shrinkage,
        }


def second_moments(
    model: EditableModel,
    layers: Sequence[int],
    corpus: Corpus,
    *,
    kind: MomentKind = "key",
    tokens: int | None = None,
    home: Path | None = None,
    crew: Crew | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[int, SecondMoment]:
    """The second moment of each layer's keys over a corpus, in the order of the layers, read from the cache where it is there.

    Args:
        model: At its original revision.
        layers: Which layers.
        corpus: The text.
        kind: Of keys, or of what the MLP reads.
        tokens: How many tokens of it; 10 · d_mlp unless given.
        home: Where results are kept; nothing is kept unless given.
        crew: Who adds up; this process unless given.
        progress: Called with tokens done and tokens in all.

    Raises:
        InvalidRequest: The crew cannot load the model.
        PieceFailed: A slice ended its worker every time.
    """
    tokens = min(tokens or 10 * model.d_mlp, len(corpus.ids))
    corpus_digest = corpus.digest(tokens)
    paths = {layer: _path(home, model, moment_site(model, kind, layer), corpus_digest) for layer in layers}
    found = {layer: _read(path) for layer, path in paths.items() if path is not None and path.is_file()}
    missing = [layer for layer in layers if layer not in found]
    if not missing:
        return found
    crew, folder = crew or Crew.of(), None if home is None else home / "second_moments" / "sums"
    work, parts = summing_work(model, missing, kind, crew), slices(model, corpus.ids[:tokens])

    def report(done: int, total: int) -> None:
        if progress is not None:
            progress(tokens * done // total, tokens)

    context = Summing(model=model, layers=tuple(missing), kind=kind) if crew.is_here else None
    with closing(run_pieces(work, parts, folder, crew, context=context, progress=report)) as computed:
        sums = fold(computed, model, missing, kind)
    for layer in missing:
        found[layer] = _moment(moment_site(model, kind, layer), layer, sums, corpus, corpus_digest)
        path = paths[layer]
        if path is not None:
            _write(path, found[layer])
    if folder is not None:
        forget_pieces(work, parts, folder)
    return {layer: found[layer] for layer in layers}


def _moment(site: str, layer: int, sums: Sums, corpus: Corpus, corpus_digest: str) -> SecondMoment:
    matrix, shrinkage = _shrink(sums.products[layer] / sums.n, sums.fourths[layer] / sums.n, sums.n)
    return SecondMoment(
        site=site,
        matrix=matrix.float(),
        mean=(sums.firsts[layer] / sums.n).float(),
        used=(sums.used[layer] / sums.n).float(),
        start=(sums.starts[layer] / sums.rows).float(),
        tokens=sums.n,
        corpus=corpus.name,
        corpus_digest=corpus_digest,
        shrinkage=shrinkage,
    )


def _shrink(matrix: Tensor, mean_fourth: float, count: int) -> tuple[Tensor, float]:
    """The Ledoit–Wolf estimate about the origin; `mean_fourth` is E‖k‖⁴."""
    n = len(matrix)
    mean = matrix.trace() / n
    spread = float((matrix - mean * torch.eye(n, dtype=matrix.dtype)).square().sum())
    noise = (mean_fourth - float(matrix.square().sum())) / count
    shrinkage = 1.0 if spread == 0 else min(1.0, max(0.0, noise / spread))
    # A corpus with fewer tokens than dimensions, or dead units, leaves zero eigenvalues; the solve needs none.
    shrinkage = max(shrinkage, 1e-4)
    return (1 - shrinkage) * matrix + shrinkage * mean * torch.eye(n, dtype=matrix.dtype), shrinkage


def _path(home: Path | None, model: EditableModel, site: str, corpus_digest: str) -> Path | None:
    if home is None:
        return None
    key = hashlib.sha256(f"{model.digest} {site} {corpus_digest} 3".encode()).hexdigest()[:24]
    return home / "second_moments" / f"{key}.safetensors"


def _read(path: Path) -> SecondMoment:
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in _TENSORS}
        return SecondMoment(**tensors, **json.loads(file.metadata()["statement"]))


def _write(path: Path, moment: SecondMoment) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    statement = {key: value for key, value in moment.statement().items() if key != "digest"}
    temporary = path.with_suffix(f".{os.getpid()}")
    save_file(
        {name: getattr(moment, name).contiguous() for name in _TENSORS},
        temporary,
        metadata={"statement": json.dumps(statement)},
    )
    os.replace(temporary, path)
