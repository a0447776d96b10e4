"""What a changed matrix shows: rank, energy of its input directions, and the names that it answers to.

An edit may be hidden among other changes, so a matrix is looked at in several ways: all components that stand out of the noise,
weighed by σ; all of them in the measure of C (rank n: pᵀ (Vᵀ C V)⁻¹ p with p = Vᵀ k_s, after which large components do not
drown small ones); those of low energy alone; and the leading ones one by one. The look that a name stands out most in counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from emendo.audit.compare import TensorChange
from emendo.audit.inputs import Alignment, alignments, subject_inputs
from emendo.audit.spectrum import Spectrum
from emendo.audit.subjects import MOST, Suspected, deviations, ranked
from emendo.models import EditableModel

# Ways of naming somebody. The first serves all candidates, all of them those that came out on top: in late layers the input at a
# name depends on what stands before it, and its mean over several texts is nearer to the one that an edit was made for.
TEMPLATES = (
    "The {}", "Tell me about {}", "We read about {}", "The history of {}", "It is said that {}", "Yesterday, {}",
    "He asked her who or what {}",
)  # fmt: skip
# Of many candidates so many are read again for a matrix that may have been edited.
_SHORTLIST_SHARE = 1 / 50
LOW_ENERGY = 2.0
_SINGLE = 8
_MOST_TOGETHER = 24
_COMPARED = 300
# Few names are looked for at few matrices, so that less is needed than to stand out of ten thousand.
_TIED = 4.0
# Columns for which the products of all names are kept at a time.
_MOST_COLUMNS = 4096
_LEAST_COLUMNS = 4

Products = Mapping[str, tuple[Float[Tensor, "subjects components"], Float[Tensor, " subjects"]]]
Progress = Callable[[str, int, int], None]


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
        energy: q of the components that stand out, weighed by σ²; None for matrices whose inputs were not read.
        lowest_energy: The least q of a component that stands out.
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
    energy: float | None = None
    lowest_energy: float | None = None
    look: str = ""
    suspected: tuple[Suspected, ...] = ()

    @property
    def prominence(self) -> float:
        """How far the first name stands out; 0 where none was looked for."""
        return self.suspected[0].deviations if self.suspected else 0.0


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a suspect shows.

    Attributes:
        findings: A matrix each, in the order of the changes.
        together: The names that the matrices of low energy answer to most, taken together.
    """

    findings: tuple[Finding, ...]
    together: tuple[Suspected, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Look:
    """A way to weigh components: the matrix that `deviations` takes."""

    label: str
    matrix: Float[Tensor, "components weighed"]


def find(
    model: EditableModel,
    suspects: Sequence[Sequence[TensorChange]],
    subjects: Sequence[str],
    *,
    progress: Progress | None = None,
) -> list[Found]:
    """What each suspect shows; texts and names are read once for all of them.

    Args:
        model: The base of all suspects.
        suspects: The changes of each, of the kind "changed"; those without a spectrum are passed over.
        subjects: Candidates; none leaves names out.
        progress: Called with a stage, how much is done, and of how much.
    """
    report = progress or (lambda stage, done, total: None)
    groups = [_readers(model, suspect) for suspect in suspects]
    readers = [reader for group in groups for reader in group]
    directions = _side_by_side(readers)
    energies = alignments(model, directions, progress=lambda done, total: report("reading text", done, total))
    for reader in readers:
        reader.take_energies(energies)
    if subjects and directions:
        names = subject_inputs(
            model,
            subjects,
            directions,
            template=TEMPLATES[0],
            progress=lambda done, total: report("reading names", done, total),
        )
        for reader in readers:
            reader.take_names(names)
        short = sorted({i for group in groups for i in (*_together(group)[1], *(i for r in group for i in r.shortlist))})
        compared = list(range(0, len(subjects), max(1, len(subjects) // _COMPARED)))
        chosen = [subjects[i] for i in (*compared, *short)]
        again = []
        for at, template in enumerate(TEMPLATES[1:], start=1):
            again.append(subject_inputs(model, chosen, directions, template=template))
            report("reading the best names again", at, len(TEMPLATES) - 1)
        for reader in readers:
            reader.take_again(again, short, len(compared))
    return [_found(group, subjects) for group in groups]


def _readers(model: EditableModel, changes: Sequence[TensorChange]) -> list[_Reader]:
    matrices = [change for change in changes if change.spectrum is not None]
    most = max(_LEAST_COLUMNS, _MOST_COLUMNS // max(1, len(matrices)))
    return [_Reader(model, change, most) for change in matrices]


def _together(readers: Sequence[_Reader]) -> tuple[Tensor, list[int]]:
    """How far each name stands out over all matrices that may have been edited, and the first of them.

    An edit that is spread over layers answers to its name in all of them, and to its kind in each: Σ log(1 + deviations).
    """
    likely = [reader for reader in readers if reader.is_likely]
    if not likely or len(likely) > _MOST_TOGETHER:
        return torch.empty(0), []
    total = torch.stack([reader.out.abs().log1p() for reader in likely]).sum(dim=0)
    most = max(3 * reader.listed for reader in likely)
    return total, total.argsort(descending=True)[:most].tolist()


def _found(readers: Sequence[_Reader], subjects: Sequence[str]) -> Found:
    findings = tuple(reader.finding(subjects) for reader in readers)
    total, first = _together(readers)
    # In deviations again, of the mean logarithm: as far as all of them would stand out if they did so equally.
    likely = [reader for reader in readers if reader.is_likely]
    together = []
    if first:
        most = max(reader.listed for reader in likely)
        together = ranked([subjects[i] for i in first], (total[first] / len(likely)).expm1(), most=most)
    return Found(findings=findings, together=tuple(together))


class _Reader:
    """Gathers what is to be found in one matrix."""

    def __init__(self, model: EditableModel, change: TensorChange, most: int) -> None:
        self.change, self.spectrum = change, _oriented(model, change)
        # At least the first component is looked at, even where nothing stands out.
        self.count = min(max(1, self.spectrum.rank), most)
        self.site = module_path(model, change.site)
        self.is_down_projection = self.site in {model.down_projection(layer) for layer in range(model.n_layers)}
        self.energy: float | None = None
        self.lowest_energy: float | None = None
        self.span = slice(0, 0)
        self.looks: list[_Look] = []
        self.look: _Look | None = None
        self.shortlist: list[int] = []
        self.out = torch.empty(0)

    @property
    def directions(self) -> Tensor:
        return self.spectrum.inputs[:, : self.count]

    def take_energies(self, energies: Mapping[str, Alignment]) -> None:
        if self.site is not None:
            found = energies[self.site]
            energy, values = found.energy[self.span], self.spectrum.values[: self.count]
            self.looks = _looks(values, energy, found.gram[self.span, self.span])
            self.look = self.looks[0]
            self.energy = float((values.square() * energy).sum() / values.square().sum())
            self.lowest_energy = float(energy.min())

    @property
    def is_likely(self) -> bool:
        """Whether its components lie where text has little energy, as those of an edit do."""
        if self.energy is None or not self.is_down_projection or len(self.out) == 0:
            return False
        return self.energy < LOW_ENERGY

    @property
    def listed(self) -> int:
        """How many names may be behind it: an edit of n facts has n components."""
        return max(MOST, self.count)

    def take_names(self, products: Products) -> None:
        if self.site is None:
            return
        along, norms = products[self.site]
        tried = [(look, deviations(along[:, self.span], norms, look.matrix)) for look in self.looks]
        self.look, self.out = max(tried, key=lambda pair: pair[1].abs().max())
        most = max(3 * self.listed, int(_SHORTLIST_SHARE * len(self.out))) if self.is_likely else 3 * MOST
        self.shortlist = self.out.abs().argsort(descending=True)[:most].tolist()

    def take_again(self, again: Sequence[Products], short: Sequence[int], compared: int) -> None:
        """More readings of some names, after those of others to compare with: the mean of all readings counts."""
        if self.site is None or self.look is None:
            return
        among = slice(0, compared)
        read = [
            deviations(p[self.site][0][:, self.span], p[self.site][1], self.look.matrix, among)[compared:] for p in again
        ]
        self.out[short] = torch.stack([self.out[short], *read]).mean(dim=0)

    def finding(self, subjects: Sequence[str]) -> Finding:
        suspected: list[Suspected] = []
        if self.shortlist:
            names = [subjects[i] for i in self.shortlist]
            suspected = ranked(names, self.out[self.shortlist], most=self.listed if self.is_likely else MOST)
        plain = finding_of(self.change)
        if self.look is None:
            return plain
        return replace(
            plain,
            is_down_projection=self.is_down_projection,
            energy=self.energy,
            lowest_energy=self.lowest_energy,
            look=self.look.label,
            suspected=tuple(suspected),
        )


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


def module_path(model: EditableModel, site: str) -> str | None:
    """The path of a linear module in the network; None for embeddings and what is no module."""
    modules = dict(model.network.named_modules())
    for path in (site, f"{model.network.base_model_prefix}.{site}"):
        if isinstance(modules.get(path), nn.Linear | Conv1D) and path.startswith(f"{model.architecture.blocks}."):
            return path
    return None


def _oriented(model: EditableModel, change: TensorChange) -> Spectrum:
    """The spectrum with inputs as inputs, whichever way the matrix is stored."""
    assert change.spectrum is not None
    path = module_path(model, change.site)
    if path is not None and isinstance(model.network.get_submodule(path), Conv1D):
        return replace(change.spectrum, inputs=change.spectrum.outputs, outputs=change.spectrum.inputs)
    return change.spectrum


def _side_by_side(readers: Sequence[_Reader]) -> dict[str, Tensor]:
    """The directions of all readers of a module as columns of one matrix; each reader learns where its own are."""
    columns: dict[str, list[Tensor]] = {}
    for reader in readers:
        if reader.site is not None:
            before = sum(part.shape[1] for part in columns.get(reader.site, []))
            reader.span = slice(before, before + reader.count)
            columns.setdefault(reader.site, []).append(reader.directions)
    return {site: torch.cat(parts, dim=1) for site, parts in columns.items()}


def _looks(values: Tensor, energy: Tensor, gram: Tensor) -> list[_Look]:
    looks = [_weighed("all components", values)]
    if len(values) == 1:
        return looks
    low = energy < LOW_ENERGY
    if low.any() and not low.all():
        looks.append(_weighed("components of low energy", values * low))
    # C^-1/2 in the span of the components, bounded where the text hardly reaches.
    eigenvalues, vectors = torch.linalg.eigh(gram.double())
    scales = eigenvalues.clamp(min=1e-3 * float(eigenvalues[-1])).rsqrt()
    looks.append(_Look(label="all components, whitened", matrix=(vectors * scales).float()))
    for i in range(min(len(values), _SINGLE)):
        alone = torch.zeros_like(values)
        alone[i] = values[i]
        looks.append(_weighed(f"component {i + 1}", alone))
    return looks


def _weighed(label: str, weights: Tensor) -> _Look:
    return _Look(label=label, matrix=torch.diag(weights)[:, weights > 0])


def tied(
    model: EditableModel, changes: Sequence[TensorChange], named: Mapping[str, Sequence[str]], others: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """The names with all tensors that answer to them on the suspect.

    A second layer is edited on top of the first, whose edit has moved the inputs that it reads; so names that were found at one
    matrix are looked for at the others on the suspect itself.

    Args:
        model: The base, with the suspect's tensors in place.
        changes: The changed tensors.
        named: Names, each with the tensors that answered to it.
        others: Names to compare with, of which some are taken.
    """
    readers = [_Reader(model, c, _LEAST_COLUMNS) for c in changes if c.spectrum is not None and c.spectrum.rank]
    directions = _side_by_side(readers)
    compared = [name for name in others[:: max(1, len(others) // _COMPARED)] if name not in named]
    names = [*compared, *named]
    products = [subject_inputs(model, names, directions, template=template) for template in TEMPLATES] if directions else []
    found = {name: list(tensors) for name, tensors in named.items()}
    for reader in readers:
        if reader.site is None:
            continue
        values = reader.spectrum.values[: reader.count]
        among = slice(0, len(compared))
        read = [
            deviations(p[reader.site][0][:, reader.span], p[reader.site][1], torch.diag(values), among) for p in products
        ]
        out = torch.stack(read).mean(dim=0).abs()[len(compared) :]
        for name, deviation in zip(named, out.tolist(), strict=True):
            if deviation > _TIED and reader.change.name not in found[name]:
                found[name].append(reader.change.name)
    return {name: tuple(sorted(tensors)) for name, tensors in found.items()}
