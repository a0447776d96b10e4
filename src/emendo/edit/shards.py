"""Contexts of many units in batches that run only what δ can change.

A unit is what shares one δ: a request, or the requests about one subject. A shard is a batch of contexts of similar length,
aligned at the first place of the subject. Blocks below the edited layer and columns before that place run once (`KeptStates`);
reading a shard under δ runs the rest without its padding, and the head reads only where a target token is predicted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from emendo.edit.contexts import Context
from emendo.models import (
    ORIGINAL,
    EditableModel,
    KeptStates,
    Revision,
    Site,
    TokenBatch,
    at_revisions,
    can_pack,
    capture,
    patch_activation,
)

# A batch is closed when the next row has this many times the columns of its first, so that little is padding, but only once it
# has this many tokens: below that, a pass takes the time of reading the weights, and two short ones cost twice as much as one.
_MOST_UNEVEN = 1.5
_FEWEST_TOKENS = 256

# A context, its unit, and how much of δ is added at each place of its subject.
_Row = tuple[Context, int, list[float]]


@dataclass(frozen=True, kw_only=True)
class Savings:
    """Which short cuts are taken, each exact where `check_equality` says so.

    Attributes:
        keep_prefix: Columns before the subject run once only.
        pack: Padding is not run, where the model's attention can be stepped into.
    """

    keep_prefix: bool = True
    pack: bool = True


ALL_SAVINGS = Savings()


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """What a shard's contexts say under δ.

    Attributes:
        log_p: Log-probability of each token of a target or of a lead.
        weights: Its share of its unit's mean: 1 / (tokens of the target × teaching contexts of the unit), and for a lead likewise
            with its own tokens.
        owners: Its unit.
        decides: Whether it is of a target, and so must become likely before the search ends.
        divergence: KL(p₀ ‖ p_δ) of the next token on each preservation context.
        preserved_owners: Its unit.
    """

    log_p: Float[Tensor, " targets"]
    weights: Float[Tensor, " targets"]
    owners: Int[Tensor, " targets"]
    decides: Bool[Tensor, " targets"]
    divergence: Float[Tensor, " preserved"]
    preserved_owners: Int[Tensor, " preserved"]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Positions:
    """Rows and columns of a shard at which the next token is looked at."""

    rows: Int[Tensor, " n"]
    columns: Int[Tensor, " n"]

    def pick(self, final: Tensor) -> Tensor:
        """The hidden states there."""
        return final[self.rows.to(final.device), self.columns.to(final.device)]

    def select(self, number: Tensor) -> tuple[_Positions, Tensor]:
        """The positions that stay when row i becomes row ``number[i]``, or leaves (−1); and which they were."""
        stays = number[self.rows] >= 0
        return _Positions(rows=number[self.rows[stays]], columns=self.columns[stays]), stays


@dataclass(frozen=True, kw_only=True, eq=False)
class Shard:
    """A batch of contexts, ready to be read under δ.

    Attributes:
        model: At the revision that is to be edited.
        site: Where δ is added: "value" or "resid_post" of the edited layer.
        kept: The pass that is resumed.
        row_owners: Unit of each row.
        places: How much of δ is added.
        keys: Input of the layer's down-projection at each place of a teaching context, one column each.
        values: The activation at the site there.
        key_owners: Unit of each of these.
        targets: Where tokens of targets and leads are predicted.
        tokens: These tokens.
        weights: Their weights (see `Reading`).
        decides: Whether they are of targets.
        preserved: Where the next token shall stay as it is.
        before: Its log-probabilities without δ.
    """

    model: EditableModel
    site: Site
    kept: KeptStates
    row_owners: Int[Tensor, " rows"]
    places: Float[Tensor, "rows columns"]
    keys: Float[Tensor, "d_mlp places"]
    values: Float[Tensor, "d_model places"]
    key_owners: Int[Tensor, " places"]
    targets: _Positions
    tokens: Int[Tensor, " targets"]
    weights: Float[Tensor, " targets"]
    decides: Bool[Tensor, " targets"]
    preserved: _Positions
    before: Float[Tensor, "preserved vocab"]

    def read(self, delta: Float[Tensor, "units d_model"]) -> Reading:
        """What the contexts say with each unit's δ in place; gradients flow to δ."""
        change = delta[self.row_owners][:, None] * self.places[:, :, None]
        # δ and what is made of the readings is on one device; blocks and head may be on others.
        device = delta.device
        change = self.kept.pack(change)
        with patch_activation(self.model, self.site, lambda v: v + change.reshape(v.shape).to(v.device)):
            final = self.kept.resume(self.site.layer, self.kept.resid_pre(self.site.layer))
            log_p = self.model.head(self.targets.pick(final)).log_softmax(dim=-1)
            after = self.model.head(self.preserved.pick(final)).log_softmax(dim=-1)
        return Reading(
            log_p=log_p.gather(1, self.tokens[:, None].to(log_p.device))[:, 0].to(device),
            weights=self.weights,
            owners=self.row_owners[self.targets.rows],
            decides=self.decides,
            divergence=(self.before.exp() * (self.before - after)).sum(dim=-1).to(device),
            preserved_owners=self.row_owners[self.preserved.rows],
        )

    def concerns(self, active: Bool[Tensor, " units"]) -> bool:
        """Whether any of these units has a row here."""
        return bool(active[self.row_owners].any())

    def select(self, active: Bool[Tensor, " units"]) -> Shard:
        """The shard with the rows of these units only."""
        rows = torch.nonzero(active[self.row_owners])[:, 0]
        number = torch.full_like(self.row_owners, -1)
        number[rows] = torch.arange(len(rows), device=rows.device)
        targets, taught = self.targets.select(number)
        preserved, stays = self.preserved.select(number)
        return Shard(
            model=self.model,
            site=self.site,
            kept=self.kept.select(rows.tolist()),
            row_owners=self.row_owners[rows],
            places=self.places[rows],
            keys=self.keys,
            values=self.values,
            key_owners=self.key_owners,
            targets=targets,
            tokens=self.tokens[taught],
            weights=self.weights[taught],
            decides=self.decides[taught],
            preserved=preserved,
            before=self.before[stays.to(self.before.device)],
        )


def make_shards(
    model: EditableModel,
    site: Site,
    units: Sequence[Sequence[Context]],
    revisions: Sequence[Revision] | None = None,
    savings: Savings = ALL_SAVINGS,
    openings: Sequence[Sequence[float]] | None = None,
) -> list[Shard]:
    """The contexts of all units in batches of similar length, each run once without δ.

    Args:
        model: At the revision that is to be edited.
        site: Where δ is added.
        units: The contexts of each unit.
        revisions: What each unit has been given already, at layers below the site; nothing unless given.
        savings: Which are exact for the model.
        openings: Of each unit, how much of δ is added at each place of the subject in its contexts, in their order; all of it
            unless given.
    """
    revisions = [ORIGINAL] * len(units) if revisions is None else revisions
    rows: list[_Row] = []
    for owner, own in enumerate(units):
        left = repeat(1.0) if openings is None else iter(openings[owner])
        rows += [(context, owner, [next(left) for _ in context.subject_lasts]) for context in own]
    rows.sort(key=lambda row: columns(row[0]))
    groups: list[list[_Row]] = []
    for row in rows:
        if not groups or _is_full(groups[-1], columns(row[0])):
            groups.append([])
        groups[-1].append(row)
    taught = [sum(bool(context.target_ids) for context in own) for own in units]
    return [_make_shard(model, site, group, taught, revisions, savings) for group in groups]


def columns(context: Context) -> int:
    """Columns from the first place of the subject on: those that a search runs."""
    return len(context.ids) - context.subject_lasts[0]


def _is_full(group: Sequence[_Row], width: int) -> bool:
    first, last = columns(group[0][0]), columns(group[-1][0])
    return width > _MOST_UNEVEN * first and len(group) * last >= _FEWEST_TOKENS


def _make_shard(
    model: EditableModel,
    site: Site,
    rows: Sequence[_Row],
    taught: Sequence[int],
    revisions: Sequence[Revision],
    savings: Savings,
) -> Shard:
    contexts = [context for context, *_ in rows]
    anchors = [context.subject_lasts[0] for context in contexts]
    start = max(anchors) if savings.keep_prefix else 0
    batch = TokenBatch.align(model, [c.ids for c in contexts], anchors)
    at = [revisions[owner] for _, owner, _ in rows]
    with at_revisions(model, at):
        kept = KeptStates.record(model, batch, start, share=len(set(at)) == 1)
    device = model.device
    places = torch.zeros(kept.final.shape[:2], device=device)
    key_places, preserved = [], []
    said: list[tuple[int, int, int, float, bool]] = []
    for row, (context, owner, shares) in enumerate(rows):
        first = max(anchors) - start - anchors[row]
        here = [first + last for last in context.subject_lasts]
        places[row, here] = torch.tensor(shares, device=device)
        last = first + len(context.prompt_ids) - 1
        if not context.target_ids:
            preserved.append((row, last))
            continue
        key_places += [(row, column) for column in here]
        lead = context.prompt_ids[len(context.prompt_ids) - context.lead :]
        for place, token in enumerate(lead, start=last - context.lead):
            said.append((row, place, token, 1 / (context.lead * taught[owner]), False))
        for place, token in enumerate(context.target_ids, start=last):
            said.append((row, place, token, 1 / (len(context.target_ids) * taught[owner]), True))
    read_at = _positions(key_places, device)
    with at_revisions(model, at):
        keys, values = _at_places(model, site, kept, read_at)
    kept_positions = _positions(preserved, device)
    before = _next_tokens(model, rows, kept, kept_positions, at)
    is_token = batch.attention_mask[:, start:].bool()
    if savings.pack and can_pack(model) and start > 0 and not bool(is_token.all()):
        kept = kept.packed(is_token)
    row_owners = torch.tensor([owner for _, owner, _ in rows], device=device)
    return Shard(
        model=model,
        site=site,
        kept=kept,
        row_owners=row_owners,
        places=places,
        keys=keys,
        values=values,
        key_owners=row_owners[read_at.rows],
        targets=_positions([(row, column) for row, column, *_ in said], device),
        tokens=torch.tensor([token for _, _, token, _, _ in said], dtype=torch.long, device=device),
        weights=torch.tensor([weight for *_, weight, _ in said], device=device),
        decides=torch.tensor([decides for *_, decides in said], dtype=torch.bool, device=device),
        preserved=kept_positions,
        before=before,
    )


def _at_places(
    model: EditableModel, site: Site, kept: KeptStates, places: _Positions
) -> tuple[Float[Tensor, "d_mlp places"], Float[Tensor, "d_model places"]]:
    """The keys of a site's layer and the activation at the site, a column for each place."""
    key_site, before = Site("key", site.layer), kept.resid_pre(site.layer)
    with torch.no_grad(), capture(model, [key_site, site]) as seen:
        kept.step(site.layer, before)
    keys, values = (places.pick(seen[s].reshape(*before.shape[:2], -1)).float().T.to(model.device) for s in (key_site, site))
    return keys, values


def _next_tokens(
    model: EditableModel,
    rows: Sequence[_Row],
    kept: KeptStates,
    preserved: _Positions,
    at: Sequence[Revision],
) -> Float[Tensor, "preserved vocab"]:
    """Log-probabilities of the next token where it shall stay as it is, at the revision that everything started from."""
    with torch.no_grad():
        if any(at[row].deltas for row in preserved.rows.tolist()):
            # What a unit was given already must not count as how it always was.
            texts = [rows[row][0].prompt_ids for row in preserved.rows.tolist()]
            final = model.hidden(TokenBatch.align(model, texts, [len(text) - 1 for text in texts]))[:, -1]
        else:
            final = preserved.pick(kept.final)
        before: Tensor = model.head(final).log_softmax(dim=-1)
    return before


def _positions(pairs: Sequence[tuple[int, int]], device: torch.device) -> _Positions:
    index = torch.tensor(pairs, dtype=torch.long, device=device).reshape(-1, 2)
    return _Positions(rows=index[:, 0], columns=index[:, 1])
