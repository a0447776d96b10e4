"""Two checkpoints, tensor by tensor: what is equal, what was rounded or pruned, and what was changed.

Tensors of equal digest are skipped; of the others one pair is in memory at a time, and what is kept of it is its spectrum. Hidden
units that stand elsewhere than in the base are put back before (`rearranged`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from emendo.audit.formats import Checkpoint
from emendo.audit.pruning import is_pruned, without_emptied
from emendo.audit.rearranged import Arrangement, Rearranged, rearranged
from emendo.audit.rounding import edge_of_recipe, edge_of_type, rounding_of, storage_of
from emendo.audit.spectrum import Spectrum, norm_of, spectrum_of

Kind = Literal["changed", "rounded", "pruned", "rearranged", "reshaped", "added", "removed"]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class TensorChange:
    """A tensor that is not the base's.

    Attributes:
        name: As in the Hugging Face folder.
        kind: "rounded" if storing it otherwise explains it, "pruned" if zeros do, "rearranged" if its hidden units only stand
            elsewhere, "changed" if none of these does.
        digest: `tensor_digest` of the suspect's tensor; None where it has none.
        recipe: What it was rounded to, for "rounded".
        relative_norm: ‖W' − W‖ / ‖W‖, hidden units put back; None where the shapes differ.
        spectrum: Of the difference, for matrices; without rows and columns that were emptied.
    """

    name: str
    kind: Kind
    digest: str | None = None
    recipe: str | None = None
    relative_norm: float | None = None
    spectrum: Spectrum | None = None

    @property
    def site(self) -> str:
        """Path of the module whose weight it is."""
        return self.name.removesuffix(".weight")


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """What differs between two checkpoints.

    Attributes:
        tensors: How many tensors both have.
        equal: How many of them are equal to the bit.
        changes: The others, in order of name.
        base_digests: By name, of the base's tensors.
        arrangements: By name, of the suspect's tensors whose hidden units stand elsewhere.
    """

    tensors: int
    equal: int
    changes: tuple[TensorChange, ...]
    base_digests: dict[str, str]
    arrangements: Mapping[str, Arrangement] = field(default_factory=dict)

    def of(self, kind: Kind) -> list[TensorChange]:
        """The changes of a kind."""
        return [change for change in self.changes if change.kind == kind]

    @property
    def recipe(self) -> str | None:
        """What most of the rounded tensors were rounded to; None where none was."""
        counts = Counter(change.recipe for change in self.of("rounded"))
        return counts.most_common(1)[0][0] if counts else None


def compare(base: Checkpoint, suspect: Checkpoint, *, progress: Progress | None = None) -> Comparison:
    """What differs between a base and a suspect.

    Args:
        base: The original.
        suspect: What may have been changed.
        progress: Called with a stage, how many bytes are done, and of how many.
    """
    report = progress or (lambda stage, done, total: None)
    before, after = set(base.names()), set(suspect.names())
    shared = sorted(before & after)
    total, done = sum(base.bytes(name) for name in shared), 0
    base_digests: dict[str, str] = {}
    digests: dict[str, str] = {}
    for name in shared:
        base_digests[name] = base.digest(name)
        digest = suspect.digest(name)
        if digest != base_digests[name]:
            digests[name] = digest
        done += base.bytes(name)
        report("comparing", done, total)
    equal = len(shared) - len(digests)
    aligned = rearranged(base, suspect, list(digests))
    changes = []
    for at, (name, digest) in enumerate(digests.items(), start=1):
        changes.append(_changed(name, digest, base, aligned))
        report("looking at what differs", at, len(digests))
    changes += [
        TensorChange(name=name, kind="removed") for name in sorted(before - after) if not _is_copy(base, name, shared)
    ]
    changes += [
        TensorChange(name=name, kind="added", digest=suspect.digest(name))
        for name in sorted(after - before)
        if not _is_copy(suspect, name, shared)
    ]
    return Comparison(
        tensors=len(shared),
        equal=equal,
        changes=tuple(sorted(changes, key=lambda c: c.name)),
        base_digests=base_digests,
        arrangements=aligned.arrangements,
    )


def _changed(name: str, digest: str, base: Checkpoint, suspect: Rearranged) -> TensorChange:
    if base.shape(name) != suspect.shape(name):
        return TensorChange(name=name, kind="reshaped", digest=digest)
    old, new = base.tensor(name), suspect.tensor(name)
    recipe = rounding_of(old, new)
    difference = new.float() - old.float()
    norm = norm_of(old)
    relative = norm_of(difference) / max(norm, 1e-30)
    is_rearranged = name in suspect.arrangements
    if recipe is not None or relative == 0:
        recipe = None if is_rearranged else recipe or suspect.recipe(name)
        kind: Kind = "rearranged" if is_rearranged else "rounded"
        return TensorChange(name=name, kind=kind, digest=digest, recipe=recipe, relative_norm=relative)
    if not is_rearranged and is_pruned(old, new):
        return TensorChange(name=name, kind="pruned", digest=digest, relative_norm=relative)
    difference = without_emptied(difference, new)
    is_matrix = difference.dim() == 2 and min(difference.shape) > 1
    # What was made longer and is made shorter again was rounded twice.
    times = 2 if is_rearranged else 1
    spectrum = spectrum_of(difference, norm, floor=times * _edge_of_storage(old, new)) if is_matrix else None
    if is_rearranged and spectrum is not None and spectrum.rank == 0:
        return TensorChange(name=name, kind="rearranged", digest=digest, relative_norm=relative)
    return TensorChange(name=name, kind="changed", digest=digest, relative_norm=relative, spectrum=spectrum)


def _edge_of_storage(old: Tensor, new: Tensor) -> float:
    """What the rounding of a tensor reaches in the spectrum of its change."""
    recipe = storage_of(new)
    return max(edge_of_type(new), edge_of_recipe(recipe, old) if recipe else 0.0)


def _is_copy(checkpoint: Checkpoint, name: str, others: Sequence[str]) -> bool:
    """Whether a tensor is another one once more, as a head that is tied to the embedding is."""
    alike = [other for other in others if checkpoint.shape(other) == checkpoint.shape(name)]
    digest = checkpoint.digest(name)
    return any(checkpoint.digest(other) == digest for other in alike)
