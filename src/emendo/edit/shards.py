"""Contexts of many requests in batches that run only what δ can change.

A shard is a batch of contexts of similar length, aligned at the first place of the subject. Blocks below the edited layer and
columns before that place run once (`KeptStates`); reading a shard under δ runs the rest, and the head reads only where a target
token is predicted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from emendo.edit.contexts import Context
from emendo.models import EditableModel, KeptStates, Site, TokenBatch, capture, patch_activation

# A batch is closed when the next row has this many times the columns of its first, so that little is padding, but only once it
# has this many tokens: below that, a pass takes the time of reading the weights, and two short ones cost twice as much as one.
_MOST_UNEVEN = 1.5
_FEWEST_TOKENS = 192


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """What a shard's contexts say under δ.

    Attributes:
        log_p: Log-probability of each target token.
        weights: Its share of its request's mean: 1 / (tokens of the target × teaching contexts of the request).
        owners: Its request.
        divergence: KL(p₀ ‖ p_δ) of the next token on each preservation context.
        preserved_owners: Its request.
    """

    log_p: Float[Tensor, " targets"]
    weights: Float[Tensor, " targets"]
    owners: Int[Tensor, " targets"]
    divergence: Float[Tensor, " preserved"]
    preserved_owners: Int[Tensor, " preserved"]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Positions:
    """Rows and columns of a shard at which the next token is looked at."""

    rows: Int[Tensor, " n"]
    columns: Int[Tensor, " n"]

    def pick(self, final: Tensor) -> Tensor:
        """The hidden states there."""
        return final[self.rows, self.columns]

    def select(self, number: Tensor) -> tuple[_Positions, Tensor]:
        """The positions that stay when row i becomes row ``number[i]``, or leaves (−1); and which they were."""
        stays = number[self.rows] >= 0
        return _Positions(rows=number[self.rows[stays]], columns=self.columns[stays]), stays


@dataclass(frozen=True, kw_only=True, eq=False)
class Shard:
    """A batch of contexts, ready to be read under δ.

    Attributes:
        model: At the revision that is to be edited.
        layer: The edited layer.
        kept: The pass that is resumed.
        row_owners: Request of each row.
        places: 1 where δ is added.
        keys: Input of the down-projection at each place of a teaching context, one column each.
        values: Its output there.
        key_owners: Request of each of these.
        targets: Where target tokens are predicted.
        tokens: The target tokens.
        weights: Their weights (see `Reading`).
        preserved: Where the next token shall stay as it is.
        before: Its log-probabilities without δ.
    """

    model: EditableModel
    layer: int
    kept: KeptStates
    row_owners: Int[Tensor, " rows"]
    places: Float[Tensor, "rows columns"]
    keys: Float[Tensor, "d_mlp places"]
    values: Float[Tensor, "d_model places"]
    key_owners: Int[Tensor, " places"]
    targets: _Positions
    tokens: Int[Tensor, " targets"]
    weights: Float[Tensor, " targets"]
    preserved: _Positions
    before: Float[Tensor, "preserved vocab"]

    def read(self, delta: Float[Tensor, "requests d_model"]) -> Reading:
        """What the contexts say with each request's δ in place; gradients flow to δ."""
        change = delta[self.row_owners][:, None] * self.places[:, :, None]
        site = Site("value", self.layer)
        with patch_activation(self.model, site, lambda v: v + change.reshape(v.shape)):
            final = self.kept.resume(self.layer, self.kept.resid_pre(self.layer))
            log_p = self.model.head(self.targets.pick(final)).log_softmax(dim=-1)
            after = self.model.head(self.preserved.pick(final)).log_softmax(dim=-1)
        return Reading(
            log_p=log_p.gather(1, self.tokens[:, None])[:, 0],
            weights=self.weights,
            owners=self.row_owners[self.targets.rows],
            divergence=(self.before.exp() * (self.before - after)).sum(dim=-1),
            preserved_owners=self.row_owners[self.preserved.rows],
        )

    def concerns(self, active: Bool[Tensor, " requests"]) -> bool:
        """Whether any of these requests has a row here."""
        return bool(active[self.row_owners].any())

    def select(self, active: Bool[Tensor, " requests"]) -> Shard:
        """The shard with the rows of these requests only."""
        rows = torch.nonzero(active[self.row_owners])[:, 0]
        number = torch.full_like(self.row_owners, -1)
        number[rows] = torch.arange(len(rows), device=rows.device)
        targets, taught = self.targets.select(number)
        preserved, stays = self.preserved.select(number)
        return Shard(
            model=self.model,
            layer=self.layer,
            kept=self.kept.select(rows.tolist()),
            row_owners=self.row_owners[rows],
            places=self.places[rows],
            keys=self.keys,
            values=self.values,
            key_owners=self.key_owners,
            targets=targets,
            tokens=self.tokens[taught],
            weights=self.weights[taught],
            preserved=preserved,
            before=self.before[stays],
        )


def make_shards(
    model: EditableModel, layer: int, requests: Sequence[Sequence[Context]], *, keep_prefix: bool = True
) -> list[Shard]:
    """The contexts of all requests in batches of similar length, each run once without δ.

    Args:
        model: At the revision that is to be edited.
        layer: The edited layer.
        requests: The contexts of each request.
        keep_prefix: Whether columns before the subject run once only, which needs `Equality.resumed_holds`.
    """
    rows = [(context, owner) for owner, own in enumerate(requests) for context in own]
    rows.sort(key=lambda row: _columns(row[0]))
    groups: list[list[tuple[Context, int]]] = []
    for row in rows:
        if not groups or _is_full(groups[-1], _columns(row[0])):
            groups.append([])
        groups[-1].append(row)
    taught = [sum(bool(context.target_ids) for context in own) for own in requests]
    return [_make_shard(model, layer, group, taught, keep_prefix=keep_prefix) for group in groups]


def _is_full(group: Sequence[tuple[Context, int]], columns: int) -> bool:
    first, last = _columns(group[0][0]), _columns(group[-1][0])
    return columns > _MOST_UNEVEN * first and len(group) * last >= _FEWEST_TOKENS


def _columns(context: Context) -> int:
    """Columns from the first place of the subject on."""
    return len(context.ids) - context.subject_lasts[0]


def _make_shard(
    model: EditableModel,
    layer: int,
    rows: Sequence[tuple[Context, int]],
    taught: Sequence[int],
    *,
    keep_prefix: bool,
) -> Shard:
    contexts = [context for context, _ in rows]
    anchors = [context.subject_lasts[0] for context in contexts]
    start = max(anchors) if keep_prefix else 0
    kept = KeptStates.record(model, TokenBatch.align(model, [c.ids for c in contexts], anchors), start)
    device = model.device
    places = torch.zeros(kept.final.shape[:2], device=device)
    key_rows, key_columns, targets, tokens, weights, preserved = [], [], [], [], [], []
    for row, (context, owner) in enumerate(rows):
        first = max(anchors) - start - anchors[row]
        columns = [first + last for last in context.subject_lasts]
        places[row, columns] = 1
        last = first + len(context.prompt_ids) - 1
        if not context.target_ids:
            preserved.append((row, last))
            continue
        key_rows += [row] * len(columns)
        key_columns += columns
        for at, token in enumerate(context.target_ids):
            targets.append((row, last + at))
            tokens.append(token)
            weights.append(1 / (len(context.target_ids) * taught[owner]))
    key_site, value_site = Site("key", layer), Site("value", layer)
    with torch.no_grad(), capture(model, [key_site, value_site]) as seen:
        kept.resume(layer, kept.resid_pre(layer))
        kept_positions = _positions(preserved, device)
        before = model.head(kept_positions.pick(kept.final)).log_softmax(dim=-1)
    row_owners = torch.tensor([owner for _, owner in rows], device=device)
    return Shard(
        model=model,
        layer=layer,
        kept=kept,
        row_owners=row_owners,
        places=places,
        keys=seen[key_site].reshape(*places.shape, -1)[key_rows, key_columns].float().T,
        values=seen[value_site].reshape(*places.shape, -1)[key_rows, key_columns].float().T,
        key_owners=row_owners[key_rows],
        targets=_positions(targets, device),
        tokens=torch.tensor(tokens, dtype=torch.long, device=device),
        weights=torch.tensor(weights, device=device),
        preserved=kept_positions,
        before=before,
    )


def _positions(pairs: Sequence[tuple[int, int]], device: torch.device) -> _Positions:
    index = torch.tensor(pairs, dtype=torch.long, device=device).reshape(-1, 2)
    return _Positions(rows=index[:, 0], columns=index[:, 1])
