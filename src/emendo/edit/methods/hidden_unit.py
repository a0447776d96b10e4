"""One hidden unit a fact: it opens at the subject alone, and adds there what makes the model say the target.

A change of the down-projection reaches every input: with n facts in one matrix each token of any text gets n small shares of a δ,
and their sum grows with √n until the model is gone. The nonlinearity of the MLP ends that. Of some layers, the hidden unit that
text uses least is given to the fact (`hidden_units`), with a gate that opens at the subject and an output that adds δ,

    δ as in ROME, searched in several formats at once, the end of the answer included.

So edits hardly meet, neither one another nor the text; what is lost is what the units did before. What the MLP reads at peers of
the subject, at the other tokens of the prompts and at the subjects of earlier edits keeps the gate shut. The change is of rank one
in each matrix of the MLP. Neurons that hold one correction each are known from T-Patcher (Huang et al. 2023), which adds them to
the last layer and trains them; here none is added, and nothing is trained but δ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import torch

from emendo.edit.closed_form import ClosedForm
from emendo.edit.hidden_units import HiddenUnit, constant, least_used, write_unit
from emendo.edit.job import Groups, Held, Job, Solution, Unit, with_earlier, without
from emendo.edit.keys_values import KeysValue, keys_beside_subject, read_at_subject
from emendo.edit.peers import Peers
from emendo.edit.second_moment import SecondMoment
from emendo.edit.settings import OwnSettings
from emendo.edit.spreading import search_figures
from emendo.facts import EditRequest
from emendo.models import ORIGINAL, Site, WeightDelta

LAYERS = "range"
STATISTICS = ("key", "mlp_in")
SUMMARY = "a hidden unit for each fact, open at its subject alone"


@dataclass(frozen=True, kw_only=True)
class Config(OwnSettings):
    """Settings of the method.

    Attributes:
        threshold: θ: where the gate opens, between 0 (other inputs) and 1 (the subject).
        sharpness: a: how steeply.
    """

    threshold: float = 0.35
    sharpness: float = 20.0


def compute_solutions(job: Job, groups: Groups, config: Config) -> list[Solution]:
    """A solution for each group."""
    earlier = [job.history.about_subjects(group) for group in groups]
    units = job.units([with_earlier(group, held) for group, held in zip(groups, earlier, strict=True)], config, merge=True)
    members = [[i for i, unit in enumerate(units) if unit.group == group] for group in range(len(groups))]
    free = list(islice(least_used(job.model, job.moments, config.layers, job.revision), max(map(len, members))))
    # Groups do not see each other, so each may take the same.
    places = {i: free[at] for own in members for at, i in enumerate(own)}
    found = _searched(job, units, places, config)
    peers = Peers(
        model=job.model,
        layers=config.layers,
        formats=config.formats,
        count=config.peers,
        texts=0,
        listed=job.history.listed,
        share=job.savings.keep_prefix,
        kind="mlp_in",
    )
    solutions = []
    for own, before in zip(members, earlier, strict=True):
        gates = _Gates(job=job, config=config, units=[units[i] for i in own], released=before, peers=peers)
        revision = ORIGINAL
        for at, i in enumerate(own):
            revision = revision.plus(gates.written(at, places[i], found[i]))
        figures = search_figures([found[i] for i in own])
        solutions.append(Solution(delta=WeightDelta(changes=revision.changes), figures=figures, held=gates.held))
    return solutions


def recall(job: Job, requests: Sequence[EditRequest], config: Config) -> list[Held]:
    """What the MLPs read at the subjects of earlier requests, in all their contexts."""
    units = job.units([list(requests)], config, merge=True)
    return [_held(job, unit, config) for unit in units]


class _Gates:
    """The gates of a group: each shut where the others, peers and earlier subjects open theirs."""

    def __init__(self, *, job: Job, config: Config, units: Sequence[Unit], released: Sequence[Held], peers: Peers) -> None:
        self.job, self.config, self.units, self.peers = job, config, units, peers
        self.held = tuple(_held(job, unit, config) for unit in units)
        self._released = released
        self._priors: dict[int, ClosedForm] = {}

    def written(self, at: int, place: HiddenUnit, found: KeysValue) -> WeightDelta:
        """The hidden unit of the group's unit at a number."""
        layer, unit, own = place.layer, self.units[at], self.held[at]
        texts = [context for context in unit.teaching if context.format != "prefixed"]
        shut = [self.peers.keys(request.fact)[layer] for request in unit.requests]
        shut.append(keys_beside_subject(self.job.model, [layer], texts, "mlp_in")[layer])
        opens = (
            self._prior(layer)
            .releasing(own.keys[layer], own.slack[layer])
            .direction(own.keys[layer], torch.cat(shut, dim=1), own.slack[layer])
        )
        site = self.job.model.down_projection(layer)
        before = found.keys[place.number].mean().cpu() * self.job.model.weight(site)[:, place.number].float().cpu()
        return write_unit(
            self.job.model,
            place,
            opens=opens,
            always=constant(self.job.inputs[layer]),
            inputs=own.keys[layer],
            # What the unit said there before is missed too.
            output=found.delta.cpu() + before,
            threshold=self.config.threshold,
            sharpness=self.config.sharpness,
        )

    def _prior(self, layer: int) -> ClosedForm:
        """Of a layer, with everything held but what earlier edits taught about the group's subjects: that is taught again."""
        if layer not in self._priors:
            prior = without(self.job.history.prior(layer, self.job.inputs[layer], _prior), layer, self._released)
            scaled = torch.cat([held.keys[layer] / held.slack[layer] ** 0.5 for held in self.held], dim=1)
            self._priors[layer] = prior.holding(scaled, 1.0)
        return self._priors[layer]


def _searched(job: Job, units: Sequence[Unit], places: Mapping[int, HiddenUnit], config: Config) -> dict[int, KeysValue]:
    """δ of each unit at the layer of its place; those of one layer are searched together."""
    order = sorted(places, key=lambda i: places[i].layer)
    found: dict[int, KeysValue] = {}
    for search in job.searches([units[i] for i in order], sites=1, apart=[places[i].layer for i in order]):
        numbers = [order[at] for at in search.numbers]
        site = Site("value", places[numbers[0]].layer)
        found |= zip(numbers, search.find(site, config), strict=True)
    return found


def _held(job: Job, unit: Unit, config: Config) -> Held:
    """What the MLPs read at the subject of a unit."""
    read = read_at_subject(job.model, [Site("mlp_in", layer) for layer in config.layers], unit.teaching)
    keys = {layer: columns.cpu() for layer, columns in zip(config.layers, read, strict=True)}
    slack = {layer: config.slack * _prior(job.inputs[layer]).scale(own) for layer, own in keys.items()}
    return Held(requests=unit.requests, keys=keys, slack=slack)


def _prior(moment: SecondMoment) -> ClosedForm:
    return ClosedForm.of_moment(moment.matrix)
