"""One changed matrix: the energy of its input directions, and how far names stand out in it.

An edit may be hidden among other changes, so a matrix is looked at in several ways: all components that stand out of the noise,
weighed by σ; all of them in the measure of C (rank n: pᵀ (Vᵀ C V)⁻¹ p with p = Vᵀ k_s, after which large components do not
drown small ones); those of low energy alone; and the leading ones one by one. The look that a name stands out most in counts.

It may also be drowned on purpose, by as much along directions B in which every text has energy. No edit is made for them, and
training spreads beyond them; so where a large part of a change lies along them, only the rest is looked at: D (I − B Bᵀ).
Where hidden units were written (`written_units`), their rows of D alone are looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from emendo.audit.compare import TensorChange
from emendo.audit.finding import MOST_LEADING, Finding, finding_of
from emendo.audit.inputs import Alignment
from emendo.audit.spectrum import Spectrum
from emendo.audit.subjects import MOST, Suspected, deviations, ranked
from emendo.audit.written_units import STEP, Step, greatest_step
from emendo.models import EditableModel

# Of many candidates so many are read again for a matrix that may have been edited.
_SHORTLIST_SHARE = 1 / 50
LOW_ENERGY = 2.0
_SINGLE = 8
_NO_STEP = Step(units=(), height=1.0)

Products = Mapping[str, tuple[Float[Tensor, "subjects components"], Float[Tensor, " subjects"]]]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Look:
    """A way to weigh components: the matrix that `deviations` takes."""

    label: str
    matrix: Float[Tensor, "components weighed"]


class MatrixReader:
    """Gathers what is to be found in one matrix."""

    def __init__(self, model: EditableModel, change: TensorChange, most: int) -> None:
        self.change, self.spectrum = change, _oriented(model, change)
        # At least the first component is looked at, even where nothing stands out.
        self.count = min(max(1, self.spectrum.rank), most)
        self.site = module_path(model, change.site)
        layers = range(model.n_layers)
        self.is_down_projection = self.site in {model.down_projection(layer) for layer in layers}
        feeds = {path for layer in layers for path in model.up_projections(layer)}
        self.step = _step(self.spectrum, model.d_mlp) if self.site in feeds else _NO_STEP
        self.energy: float | None = None
        self.lowest_energy: float | None = None
        self.leading_share: float | None = None
        self.span = slice(0, 0)
        self.looks: list[_Look] = []
        self.look: _Look | None = None
        self.shortlist: list[int] = []
        self.out = torch.empty(0)

    @property
    def directions(self) -> Tensor:
        return self.spectrum.inputs[:, : self.count]

    def leave_out(self, alignments: Mapping[str, Alignment]) -> bool:
        """Whether much of the change lies along the leading directions of the text, which are then left out."""
        if self.site is None or not self.is_down_projection:
            return False
        basis, values = alignments[self.site].leading, self.spectrum.values[: self.count]
        change = self.directions * values
        along = basis.T @ change
        self.leading_share = float(along.square().sum() / values.square().sum())
        if not self.leading_share > MOST_LEADING:
            return False
        inputs, values, turned = torch.linalg.svd(change - basis @ along, full_matrices=False)
        outputs = self.spectrum.outputs[:, : self.count] @ turned.T
        self.spectrum = replace(self.spectrum, inputs=inputs, values=values, outputs=outputs)
        return True

    def take_energies(self, energies: Mapping[str, Alignment]) -> None:
        if self.site is not None:
            found = energies[self.site]
            energy, values = found.energy[self.span], self.spectrum.values[: self.count]
            self.looks = [self._rows()] if self.written else _looks(values, energy, found.gram[self.span, self.span])
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
    def written(self) -> tuple[int, ...]:
        """The rows of hidden units that were written."""
        return self.step.units if self.step.height > STEP else ()

    def _rows(self) -> _Look:
        """A look at the rows of the written units alone; where gates are in the same matrix, they come first."""
        along = self.spectrum.outputs[list(self.written), : self.count] * self.spectrum.values[: self.count]
        return _Look(label="rewritten units", matrix=along.T)

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
        self.out[short] = torch.stack([self.out[short], *self.deviations(again, compared)]).mean(dim=0)

    def deviations(self, products: Sequence[Products], compared: int) -> list[Float[Tensor, " names"]]:
        """How far names stand out in each of some readings, in the look that counts; the first names are compared with."""
        assert self.site is not None
        assert self.look is not None
        along = [(p[self.site][0][:, self.span], p[self.site][1]) for p in products]
        return [deviations(*pair, self.look.matrix, slice(0, compared))[compared:] for pair in along]

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
            step=self.step.height,
            written=len(self.written),
            energy=self.energy,
            lowest_energy=self.lowest_energy,
            leading_share=self.leading_share,
            look=self.look.label,
            suspected=tuple(suspected),
        )


def _step(spectrum: Spectrum, units: int) -> Step:
    """The step of a matrix with one row for each unit, or one for its gate and one for the rest of it."""
    if not spectrum.rank:
        return _NO_STEP
    halves = spectrum.output_norms.reshape(-1, units)
    return greatest_step(halves.norm(dim=0), noise=spectrum.row_of_noise * len(halves) ** 0.5)


def side_by_side(readers: Sequence[MatrixReader]) -> dict[str, Tensor]:
    """The directions of all readers of a module as columns of one matrix; each reader learns where its own are."""
    columns: dict[str, list[Tensor]] = {}
    for reader in readers:
        if reader.site is not None:
            before = sum(part.shape[1] for part in columns.get(reader.site, []))
            reader.span = slice(before, before + reader.count)
            columns.setdefault(reader.site, []).append(reader.directions)
    return {site: torch.cat(parts, dim=1) for site, parts in columns.items()}


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
        return change.spectrum.turned
    return change.spectrum


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
