"""Keys of a subject, and the value that makes the model say the target.

The key is the input of the down-projection at the subject's last token. The value is found as v* = v + δ, with weights frozen:

    δ = argmin  mean over contexts of −log p(target)  +  λ_KL · KL(p₀ ‖ p_δ) on preservation contexts  +  λ_wd ‖δ‖ / ‖v‖²,
    then ‖δ‖ ≤ clamp · ‖v‖, and with an anchor ‖v + δ‖ ≤ anchor · ‖v‖

(Meng et al. 2022, equation 4; the anchor after NAS, 2026). v is the down-projection's output ("value", ROME) or the residual
stream after the block ("resid_post", MEMIT), and δ is added at every place where the subject stands. Many units share a batch;
each has its own δ, stops when the worst of its target tokens is likely enough, and leaves the batch (`shards`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from emendo.edit.contexts import Context
from emendo.edit.moment_sums import MomentKind
from emendo.edit.settings import SearchSettings
from emendo.edit.shards import ALL_SAVINGS, Reading, Savings, Shard, columns, make_shards
from emendo.models import EditableModel, Revision, Site, TokenBatch, at_revisions, matrix_units, read_until

# A pass that reads activations takes at most so many rows and tokens; many rows whose first tokens are equal share a batch.
_MOST_ROWS, _MOST_TOKENS = 256, 2048
_BEGINNING, _MANY = 8, 16
# Columns and units that are searched together: what a pass leaves behind for its gradients bounds the memory.
_MOST_COLUMNS, _MOST_UNITS = 3072, 32


@dataclass(frozen=True, kw_only=True, eq=False)
class KeysValue:
    """What the search found for one unit.

    Attributes:
        keys: One column for each place where the subject stands in a teaching context.
        delta: δ, the change of the activation at the site.
        value_norm: ‖v‖ before the change, mean over the places.
        steps: Steps taken.
        worst_probability: Of the least likely target token, under δ.
        divergence: Mean KL(p₀ ‖ p_δ) on the preservation contexts, in nats.
    """

    keys: Float[Tensor, "d_mlp m"]
    delta: Float[Tensor, " d_model"]
    value_norm: float
    steps: int
    worst_probability: float
    divergence: float


def find_values(
    model: EditableModel,
    site: Site,
    units: Sequence[Sequence[Context]],
    settings: SearchSettings,
    report: Callable[[float], None] = lambda share: None,
    *,
    revisions: Sequence[Revision] | None = None,
    savings: Savings = ALL_SAVINGS,
    openings: Sequence[Sequence[float]] | None = None,
) -> list[KeysValue]:
    """Keys and δ for each unit, found independently of the others in one batch.

    Args:
        model: At the revision that is to be edited.
        site: Where δ is added: "value" or "resid_post" of a layer.
        units: The contexts of each unit, teaching and preserving.
        settings: Of the search.
        report: Called with the share that is done.
        revisions: As for `make_shards`.
        savings: As for `make_shards`.
        openings: As for `make_shards`.
    """
    with matrix_units(model):
        shards = make_shards(model, site, units, revisions, savings, openings)
        return _find(model, shards, len(units), settings, report)


def parts(units: Sequence[Sequence[Context]], apart: Sequence[object] = ()) -> list[range]:
    """Numbers of the units that are searched together: what a pass leaves behind for its gradients bounds the memory.

    Args:
        units: The contexts of each.
        apart: Something of each unit, if given: neighbours in which it differs are not searched together.
    """
    found: list[range] = []
    start = size = 0
    for at, unit in enumerate(units):
        own = sum(map(columns, unit))
        differs = at > start and bool(apart) and apart[at] != apart[at - 1]
        if differs or (at > start and (size + own > _MOST_COLUMNS or at - start == _MOST_UNITS)):
            found.append(range(start, at))
            start, size = at, 0
        size += own
    return [*found, range(start, len(units))]


def keys_at_subject(
    model: EditableModel, layer: int, contexts: Sequence[Context], revisions: Sequence[Revision] | None = None
) -> Float[Tensor, "d_mlp m"]:
    """One key for each place where the subject stands in some contexts, in their order."""
    (keys,) = read_at_subject(model, [Site("key", layer)], contexts, revisions)
    return keys


def read_at_subject(
    model: EditableModel,
    sites: Sequence[Site],
    contexts: Sequence[Context],
    revisions: Sequence[Revision] | None = None,
    *,
    share: bool = False,
) -> list[Float[Tensor, "width m"]]:
    """For each site a column for each place where the subject stands in some contexts, in their order.

    Args:
        model: At the revision that is to be edited.
        sites: Which activations.
        contexts: The texts.
        revisions: What is put on top for each context; nothing unless given.
        share: Run a beginning that many contexts share once for all of them; not where `revisions` are given.
    """
    rows = [context.prompt_ids[: context.subject_lasts[-1] + 1] for context in contexts]
    return _read(model, sites, rows, [context.subject_lasts for context in contexts], revisions, share=share)


def keys_beside_subject(
    model: EditableModel, layers: Sequence[int], contexts: Sequence[Context], kind: MomentKind = "key"
) -> dict[int, Float[Tensor, "width n"]]:
    """By layer, a key, or what the MLP reads, for each token of some contexts and their targets but the subject's last."""
    places = [[at for at in range(len(context.ids)) if at not in context.subject_lasts] for context in contexts]
    read = _read(model, [Site(kind, layer) for layer in layers], [context.ids for context in contexts], places, None)
    return {layer: keys.cpu() for layer, keys in zip(layers, read, strict=True)}


def _read(
    model: EditableModel,
    sites: Sequence[Site],
    rows: Sequence[Sequence[int]],
    places: Sequence[Sequence[int]],
    revisions: Sequence[Revision] | None,
    *,
    share: bool = False,
) -> list[Float[Tensor, "width m"]]:
    """For each site a column for each place of each row, in their order; passes stop at the deepest site."""
    assert not share or revisions is None, "what runs once cannot be at several revisions"
    found: list[dict[int, list[Tensor]]] = [{} for _ in sites]
    for part in _batches(rows):
        batch = TokenBatch.align(model, [rows[index] for index in part])
        shared = min(batch.shared, *(places[index][0] for index in part)) if share and len(part) > 1 else 0
        with at_revisions(model, [Revision()] if revisions is None else [revisions[index] for index in part]):
            seen = read_until(model, batch, sites, shared=shared)
        for columns_of, site in zip(found, sites, strict=True):
            activation = seen[site].reshape(len(part), -1, seen[site].shape[-1])
            for row, index in enumerate(part):
                columns_of[index] = [activation[row, place - shared] for place in places[index]]
    return [
        torch.stack([column for index in range(len(rows)) for column in columns_of[index]], dim=1).float()
        for columns_of in found
    ]


def _batches(rows: Sequence[Sequence[int]]) -> list[list[int]]:
    """Numbers of the rows in batches of similar length; rows that begin alike stay together where they are many."""
    beginnings: dict[tuple[int, ...], list[int]] = {}
    for at, row in enumerate(rows):
        beginnings.setdefault(tuple(row[:_BEGINNING]), []).append(at)
    alike = [group for group in beginnings.values() if len(group) >= _MANY]
    others = [at for group in beginnings.values() if len(group) < _MANY for at in group]
    batches: list[list[int]] = []
    for group in [*alike, others]:
        ordered = sorted(group, key=lambda at: len(rows[at]))
        while ordered:
            count = max(1, _MOST_TOKENS // len(rows[ordered[min(_MOST_ROWS, len(ordered)) - 1]]))
            batches.append(ordered[:count])
            ordered = ordered[count:]
    return batches


def _find(
    model: EditableModel,
    shards: Sequence[Shard],
    count: int,
    settings: SearchSettings,
    report: Callable[[float], None],
) -> list[KeysValue]:
    values = [torch.cat([shard.values[:, shard.key_owners == unit] for shard in shards], dim=1) for unit in range(count)]
    state = _Search(model, shards, values, settings)
    for step in range(settings.steps + 1):
        state.look()
        report(step / settings.steps if settings.steps else 1.0)
        if step == settings.steps or not bool(state.active.any()):
            break
        state.move()
    report(1.0)
    return [
        KeysValue(
            keys=torch.cat([shard.keys[:, shard.key_owners == unit] for shard in shards], dim=1),
            delta=state.best[unit],
            value_norm=float(state.value_norms[unit]),
            steps=int(state.steps[unit]),
            worst_probability=float(state.worst[unit]),
            divergence=float(state.divergence[unit]),
        )
        for unit in range(count)
    ]


class _Search:
    """The state of a search: δ of every unit, and the shards of those that are not done."""

    def __init__(
        self,
        model: EditableModel,
        shards: Sequence[Shard],
        values: Sequence[Float[Tensor, "d_model places"]],
        settings: SearchSettings,
    ) -> None:
        count = len(values)
        self.shards, self.settings = list(shards), settings
        self.values = torch.stack([value.mean(dim=1) for value in values])
        self.value_norms = torch.stack([value.norm(dim=0).mean() for value in values])
        self.delta = torch.zeros(count, model.d_model, device=model.device, requires_grad=True)
        self.optimiser = settings.optimiser(self.delta, self.value_norms)
        self.best = torch.zeros_like(self.delta, requires_grad=False)
        self.active = torch.ones(count, dtype=torch.bool, device=model.device)
        self.steps = torch.zeros(count, dtype=torch.long)
        self.worst = torch.zeros(count, device=model.device)
        self.divergence = torch.zeros(count, device=model.device)

    def look(self) -> None:
        """Read every unit that is not done; those that reached their goal leave with the δ they have."""
        readings = [shard.read(self.delta) for shard in self.shards]
        likelihood = self._sum(readings, lambda r: (-r.log_p * r.weights, r.owners))
        kept = self._sum(readings, lambda r: (r.divergence, r.preserved_owners))
        kept_count = self._sum(readings, lambda r: (torch.ones_like(r.divergence), r.preserved_owners))
        preserved = kept / kept_count.clamp(min=1)
        decay = self.delta.norm(dim=1) / self.value_norms.square()
        self.loss = likelihood + self.settings.kl_weight * preserved + self.settings.weight_decay * decay

        with torch.no_grad():
            worst, lead = self._least(readings, of_targets=True), self._least(readings, of_targets=False)
            self.worst = torch.where(self.active, worst.exp(), self.worst)
            self.divergence = torch.where(self.active, preserved, self.divergence)
            self.best[self.active] = self.delta[self.active]
            is_said = (worst.exp() >= self.settings.worst_probability) & (lead.exp() >= self.settings.lead_probability)
            self.reached = self.active & is_said
            self.active &= ~self.reached

    def move(self) -> None:
        """One step for every unit that is not done."""
        self.optimiser.zero_grad()
        torch.autograd.backward(self.loss[self.active].sum())
        self.optimiser.step()
        self.steps += self.active.cpu()
        with torch.no_grad():
            self._shorten(self.delta, self.settings.clamp * self.value_norms)
            if self.settings.anchor is not None:
                anchored = self.values + self.delta
                self._shorten(anchored, self.settings.anchor * self.value_norms)
                self.delta.copy_(anchored - self.values)
        if bool(self.reached.any()):
            self.shards = [shard.select(self.active) for shard in self.shards if shard.concerns(self.active)]

    def _least(self, readings: Sequence[Reading], *, of_targets: bool) -> Float[Tensor, " units"]:
        """Log-probability of the least likely token of a unit's targets, or of its leads."""
        least = torch.full_like(self.worst, float("inf"))
        for reading in readings:
            chosen = reading.decides == of_targets
            least.scatter_reduce_(0, reading.owners[chosen], reading.log_p[chosen], "amin")
        return least

    @staticmethod
    def _shorten(vectors: Float[Tensor, "units d_model"], limits: Float[Tensor, " units"]) -> None:
        """Bring each vector to its limit where it is longer, in place."""
        vectors *= (limits / vectors.norm(dim=1).clamp(min=1e-12)).clamp(max=1)[:, None]

    def _sum(self, readings: Sequence[Reading], part: Callable[[Reading], tuple[Tensor, Tensor]]) -> Tensor:
        """A quantity added up over shards for each unit."""
        total = torch.zeros_like(self.value_norms)
        for reading in readings:
            values, owners = part(reading)
            total = total.index_add(0, owners, values)
        return total
