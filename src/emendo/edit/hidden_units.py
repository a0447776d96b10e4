"""Hidden units of MLPs: which are used least, and how one is written so that it opens for some inputs alone.

A unit reads the MLP's input x through one row of each up-projection and writes one column of the down-projection,

    h = act(g·x) (u·x)     or     h = act(u·x + b)  where the MLP has no gate,      output = d h.

Written for inputs X, columns that shall open it,

    g = a (w − θ c),   u = c,      w: one at X, less elsewhere (`open_direction`),      c = C⁻¹ E[x], so that c·x ≈ 1,

it is open where w·x exceeds the threshold θ and shut elsewhere: the activation makes next to nothing of the small overlaps that
every input has with every other, which a change of the down-projection alone would pass on in proportion.

Where w has to tell texts about one subject apart, it is large at some of any text, too. Then u is no constant but a second such
direction, that is one at the subject in whatever text: both are seldom large where neither is meant to be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor, nn

from emendo.edit.closed_form import ClosedForm
from emendo.edit.second_moment import SecondMoment
from emendo.errors import EditRefused
from emendo.models import EditableModel, Revision, SiteDelta, WeightDelta

# A gate counts as near its threshold from so far below it; what is held is held twice as far below.
_MARGIN = 0.1
# Where a gate shall open besides, it may miss by so much of the slack.
_FIRM = 0.15


@dataclass(frozen=True, kw_only=True)
class HiddenUnit:
    """A unit by layer and number."""

    layer: int
    number: int


def least_used(
    model: EditableModel, moments: Mapping[int, SecondMoment], layers: Sequence[int], revision: Revision
) -> Iterator[HiddenUnit]:
    """The units of some layers that no edit has written to, of each layer in turn, those first that add least.

    Most models keep units that speak at the first token of a text alone, and cannot do without them; so what a unit adds there
    counts by itself.

    Args:
        model: The model.
        moments: By layer; they tell how much a unit is used.
        layers: Which layers, in the order in which they take turns.
        revision: What is in force.

    Raises:
        EditRefused: All are taken.
    """
    orders = []
    for layer in layers:
        lengths = model.weight(model.down_projection(layer)).float().cpu().square().sum(dim=0)
        shares = [lengths * used / (lengths * used).sum() for used in (moments[layer].used, moments[layer].start)]
        order = torch.stack(shares).amax(dim=0).argsort().tolist()
        orders.append([HiddenUnit(layer=layer, number=number) for number in order])
    taken = {layer: written_units(model, layer, revision) for layer in layers}
    for alike in zip(*orders, strict=True):
        yield from (unit for unit in alike if unit.number not in taken[unit.layer])
    raise EditRefused(f"All hidden units of the layers {list(layers)} hold facts already; give other layers.")


@lru_cache(maxsize=16)
def constant(moment: SecondMoment) -> Float[Tensor, " d_model"]:
    """c: what is nearest to one on all inputs, by least squares."""
    found: Tensor = torch.linalg.solve(moment.matrix.double(), moment.mean.double())
    return found.float()


def open_direction(
    prior: ClosedForm,
    inputs: Float[Tensor, "d_model m"],
    *,
    shut: Float[Tensor, "d_model p"],
    doubtful: Float[Tensor, "d_model q"],
    also: Float[Tensor, "d_model r"],
    slack: float,
    threshold: float,
) -> Float[Tensor, " d_model"]:
    """w: one at X on average, zero at what shall be shut, and below the threshold at what else is like X.

    A gate has d_model inputs to spare, and all that is held costs some of what it does on text. So of the doubtful only those are
    held that would come near the threshold otherwise, and not at zero but clearly below it; and of what shall open it also, those
    that would open it less than X.

    Args:
        prior: What a gate costs on text.
        inputs: X.
        shut: Held at zero.
        doubtful: Held below the threshold if need be.
        also: Held at one if need be.
        slack: Of what is held, in units of the prior's scale at X.
        threshold: θ.
    """
    slack *= prior.scale(inputs)
    # In float64, which matrix units leave alone.
    inputs, doubtful, also = inputs.double(), doubtful.double(), also.double()
    pressed = torch.zeros(doubtful.shape[1], dtype=torch.bool)
    told = torch.zeros(also.shape[1], dtype=torch.bool)
    while True:
        below = torch.full((int(pressed.sum()),), threshold - 2 * _MARGIN)
        wanted = torch.cat([torch.ones(inputs.shape[1]), torch.zeros(shut.shape[1]), below, torch.ones(int(told.sum()))])
        held = torch.cat([inputs, shut, doubtful[:, pressed], also[:, told]], dim=1)
        slacks = torch.full((held.shape[1],), slack, dtype=held.dtype)
        slacks[held.shape[1] - int(told.sum()) :] *= _FIRM
        found = prior.fit(held, wanted, slacks).double()
        found = found / (found @ inputs).mean()
        near = (found @ doubtful > threshold - _MARGIN) & ~pressed
        missed = ((found @ also - 1).abs() > _MARGIN) & ~told
        if not near.any() and not missed.any():
            return found.float()
        pressed |= near
        told |= missed


@dataclass(frozen=True, kw_only=True, eq=False)
class Gate:
    """What a unit of a layer reads, and how far that opens it.

    Attributes:
        activation: Of the layer.
        rows: g and u, or g alone where the MLP has no gate.
        always: c, one at X on average.
        opened: h at X, on average.
    """

    activation: nn.Module
    rows: tuple[Float[Tensor, " d_model"], ...]
    always: Float[Tensor, " d_model"]
    opened: float = 1.0

    def openings(self, inputs: Float[Tensor, "d_model m"]) -> Float[Tensor, " m"]:
        """h at some inputs, as a multiple of what it is at X."""
        first, *rest = (row @ inputs for row in self.rows)
        hidden: Tensor = self.activation(first)
        for factor in rest:
            hidden = hidden * factor
        return hidden / self.opened


def make_gate(
    model: EditableModel,
    layer: int,
    *,
    opens: Float[Tensor, " d_model"],
    always: Float[Tensor, " d_model"],
    inputs: Float[Tensor, "d_model m"],
    threshold: float,
    sharpness: float,
    second: Float[Tensor, " d_model"] | None = None,
) -> Gate:
    """The gate of a unit that opens at some inputs.

    Args:
        model: The model.
        layer: Of the unit.
        opens: w, one at X on average.
        always: c.
        inputs: X.
        threshold: θ.
        sharpness: a.
        second: u, one at X on average; c unless it is given, and none where the MLP has no gate.
    """
    always = always / (always @ inputs).mean()
    gate = sharpness * (opens - threshold * always)
    rows = (gate, always if second is None else second)[: len(_places(model, layer))]
    unscaled = Gate(activation=model.activation(layer), rows=rows, always=always)
    return replace(unscaled, opened=float(unscaled.openings(inputs).mean()))


def write_unit(model: EditableModel, unit: HiddenUnit, gate: Gate, output: Float[Tensor, " d_model"]) -> WeightDelta:
    """The change that makes of a unit one that adds `output` where its gate is open.

    Args:
        model: The model; the unit is as it was trained.
        unit: Which unit.
        gate: What it shall read.
        output: What is added at X, on average.
    """
    changes = []
    for (path, half), row in zip(_places(model, unit.layer), gate.rows, strict=True):
        number = half * model.d_mlp + unit.number
        bias = getattr(model.network.get_submodule(path), "bias", None)
        # What the bias adds is taken off again.
        wanted = row if bias is None else row - float(bias[number]) * gate.always
        stored = model.weight(path)
        changes.append(
            SiteDelta(
                site=path,
                output_factor=_one_at(number, stored.shape[0]),
                input_factor=(wanted - stored[number].float().cpu())[:, None],
            )
        )
    site = model.down_projection(unit.layer)
    column = output / gate.opened - model.weight(site)[:, unit.number].float().cpu()
    changes.append(SiteDelta(site=site, output_factor=column[:, None], input_factor=_one_at(unit.number, model.d_mlp)))
    return WeightDelta(changes=tuple(changes))


def _places(model: EditableModel, layer: int) -> list[tuple[str, int]]:
    """The up-projections of a layer, each once for every row that a unit has in it."""
    paths = model.up_projections(layer)
    return [(path, half) for path in paths for half in range(model.weight(path).shape[0] // model.d_mlp)]


def written_units(model: EditableModel, layer: int, revision: Revision) -> set[int]:
    """Numbers of the units of a layer whose rows a revision changes one by one."""
    sites = model.up_projections(layer)
    rows: set[int] = set()
    for change in revision.changes:
        if change.site in sites:
            touched = change.output_factor != 0
            alone = touched[:, touched.sum(dim=0) == 1]
            rows |= {int(row) % model.d_mlp for row in torch.nonzero(alone.any(dim=1))[:, 0]}
    return rows


def _one_at(number: int, size: int) -> Float[Tensor, "size 1"]:
    column = torch.zeros(size, 1)
    column[number] = 1
    return column
