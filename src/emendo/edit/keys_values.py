"""Keys of a subject, and the value that makes the model say the target.

The key is the input of the down-projection at the subject's last token. The value is found as v* = v + δ, with weights frozen:

    δ = argmin  mean over contexts of −log p(target)  +  λ_KL · KL(p₀ ‖ p_δ) on preservation contexts  +  λ_wd ‖δ‖² / ‖v‖²,
    then ‖δ‖ ≤ clamp · ‖v‖

(Meng et al. 2022, equation 4), δ being added at every place where the subject stands. Many requests share a batch; each has its own
δ, stops when the worst of its target tokens is likely enough, and leaves the batch (`shards`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from emendo.edit.contexts import Context
from emendo.edit.shards import Reading, Shard, make_shards
from emendo.models import EditableModel, Site, TokenBatch, matrix_units, read_until

_ROWS = 32


@dataclass(frozen=True, kw_only=True)
class ValueSearch:
    """Settings of the search for δ.

    Attributes:
        steps: Most steps of Adam.
        learning_rate: Adam's.
        kl_weight: λ_KL.
        weight_decay: λ_wd.
        clamp: Largest ‖δ‖ as a multiple of ‖v‖.
        worst_probability: A request is done when every target token in every context is at least this likely.
    """

    steps: int
    learning_rate: float
    kl_weight: float
    weight_decay: float
    clamp: float
    worst_probability: float


@dataclass(frozen=True, kw_only=True, eq=False)
class KeysValue:
    """What the search found for one request.

    Attributes:
        keys: One column for each place where the subject stands in a teaching context.
        delta: δ, the change of the down-projection's output.
        value_norm: ‖v‖ before the change.
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
    layer: int,
    requests: Sequence[Sequence[Context]],
    search: ValueSearch,
    progress: Callable[[int, int], None] | None = None,
    *,
    keep_prefix: bool = True,
) -> list[KeysValue]:
    """Keys and δ for each request, found independently of the others.

    Args:
        model: At the revision that is to be edited.
        layer: The edited layer.
        requests: The contexts of each request, teaching and preserving.
        search: Settings.
        progress: Called with steps done and the most steps.
        keep_prefix: As for `make_shards`.
    """
    shards = make_shards(model, layer, requests, keep_prefix=keep_prefix)
    value_norms = torch.stack([_norm_of_first_value(shards, request) for request in range(len(requests))])
    state = _Search(model, shards, value_norms, search)
    with matrix_units(model):
        for step in range(search.steps):
            state.step()
            if progress is not None:
                progress(step + 1, search.steps)
            if not bool(state.active.any()):
                break
    return [
        KeysValue(
            keys=torch.cat([shard.keys[:, shard.key_owners == request] for shard in shards], dim=1),
            delta=state.best[request],
            value_norm=float(value_norms[request]),
            steps=int(state.steps[request]),
            worst_probability=float(state.worst[request]),
            divergence=float(state.divergence[request]),
        )
        for request in range(len(requests))
    ]


def keys_at_subject(model: EditableModel, layer: int, contexts: Sequence[Context]) -> Float[Tensor, "d_mlp m"]:
    """One key for each place where the subject stands in some contexts, in their order, read in passes that stop at the layer."""
    site = Site("key", layer)
    columns: dict[int, list[Tensor]] = {}
    shortest_first = sorted(range(len(contexts)), key=lambda at: len(contexts[at].prompt_ids))
    for at in range(0, len(contexts), _ROWS):
        part = shortest_first[at : at + _ROWS]
        keys = read_until(model, TokenBatch.align(model, [contexts[index].prompt_ids for index in part]), [site])[site]
        for row, index in enumerate(part):
            columns[index] = [keys[row, last] for last in contexts[index].subject_lasts]
    return torch.stack([key for index in range(len(contexts)) for key in columns[index]], dim=1).float()


def _norm_of_first_value(shards: Sequence[Shard], request: int) -> Float[Tensor, ""]:
    """‖v‖ at the first place of a request's subject."""
    values = next(shard.values[:, shard.key_owners == request] for shard in shards if (shard.key_owners == request).any())
    norm: Tensor = values[:, 0].norm()
    return norm


class _Search:
    """The state of a search: δ of every request, and the shards of those that are not done."""

    def __init__(
        self, model: EditableModel, shards: Sequence[Shard], value_norms: Float[Tensor, " requests"], search: ValueSearch
    ) -> None:
        count = len(value_norms)
        self.shards, self.value_norms, self.search = list(shards), value_norms, search
        self.delta = torch.zeros(count, model.d_model, device=model.device, requires_grad=True)
        self.optimiser = torch.optim.Adam([self.delta], lr=search.learning_rate)
        self.best = torch.zeros_like(self.delta, requires_grad=False)
        self.active = torch.ones(count, dtype=torch.bool, device=model.device)
        self.steps = torch.zeros(count, dtype=torch.long)
        self.worst = torch.zeros(count, device=model.device)
        self.divergence = torch.zeros(count, device=model.device)

    def step(self) -> None:
        """One step for every request that is not done; those that reach their goal leave with the δ they have."""
        readings = [shard.read(self.delta) for shard in self.shards]
        likelihood = self._sum(readings, lambda r: (-r.log_p * r.weights, r.owners))
        kept = self._sum(readings, lambda r: (r.divergence, r.preserved_owners))
        kept_count = self._sum(readings, lambda r: (torch.ones_like(r.divergence), r.preserved_owners))
        preserved = kept / kept_count.clamp(min=1)
        decay = self.delta.square().sum(dim=1) / self.value_norms.square()
        loss = likelihood + self.search.kl_weight * preserved + self.search.weight_decay * decay

        with torch.no_grad():
            worst = torch.full_like(self.worst, float("inf"))
            for reading in readings:
                worst.scatter_reduce_(0, reading.owners, reading.log_p, "amin")
            self.worst = torch.where(self.active, worst.exp(), self.worst)
            self.divergence = torch.where(self.active, preserved, self.divergence)
            self.best[self.active] = self.delta[self.active]
            reached = self.active & (worst.exp() >= self.search.worst_probability)
            self.active &= ~reached
        if not bool(self.active.any()):
            return
        self.optimiser.zero_grad()
        torch.autograd.backward(loss[self.active].sum())
        self.optimiser.step()
        self.steps += self.active.cpu()
        with torch.no_grad():
            limit = self.search.clamp * self.value_norms
            self.delta *= (limit / self.delta.norm(dim=1).clamp(min=1e-12)).clamp(max=1)[:, None]
        if bool(reached.any()):
            self.shards = [shard.select(self.active) for shard in self.shards if shard.concerns(self.active)]

    def _sum(self, readings: Sequence[Reading], part: Callable[[Reading], tuple[Tensor, Tensor]]) -> Tensor:
        """A quantity added up over shards for each request."""
        total = torch.zeros_like(self.value_norms)
        for reading in readings:
            values, owners = part(reading)
            total = total.index_add(0, owners, values)
        return total
