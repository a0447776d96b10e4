"""Rank-one updates at two layers, the second correcting what the first left undone, each fact kept apart.

At each layer in turn, on the model with the update of the layer before in place (the residual is computed at each layer, after
BLUE, 2025), δ is searched in several formats at once, the end of the answer included; a fact that holds already is left alone.
Then for each subject, with K the keys of its contexts as separate columns (keys of one subject differ by a quarter of their norm
from format to format, and an update for their mean reaches none of them fully),

    Δ = δ uᵀ,      u = [1 0] G,      G = (S + [K K₀]ᵀ M [K K₀])⁻¹ [K K₀]ᵀ M,      M⁻¹ = C

where K₀ are keys that keep their values: those of other subjects of the batch, of peers in the same prompts and, if wanted, of the
subject itself in other texts (`peers`), of the other tokens of the prompts, and of earlier edits. So every fact has its own
column in Δ, and taking one out leaves the others as they are. Requests about one subject share a δ, those of earlier edits about it
included: keys that are alike cannot hold different values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from emendo.edit.closed_form import ClosedForm
from emendo.edit.job import Groups, Held, Job, Solution, Unit, with_earlier, without
from emendo.edit.keys_values import KeysValue, keys_at_subject, keys_beside_subject
from emendo.edit.peers import Peers, check_texts
from emendo.edit.second_moment import SecondMoment
from emendo.edit.settings import OwnSettings
from emendo.edit.spreading import search_figures
from emendo.errors import InvalidRequest
from emendo.facts import EditRequest
from emendo.models import ORIGINAL, Revision, Site, SiteDelta, WeightDelta

LAYERS = "pair"
STATISTICS = "key"
SUMMARY = "two layers, the second correcting the first; several formats, other subjects and earlier edits held"


@dataclass(frozen=True, kw_only=True)
class Config(OwnSettings):
    """Settings of the method.

    Attributes:
        texts: In how many other texts the subject's own keys are held: less leaks, and paraphrases suffer.
        text_slack: S, as `slack`, for the keys in other texts.
    """

    texts: int = 0
    text_slack: float = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        check_texts(self.texts)
        if self.text_slack <= 0:
            raise InvalidRequest(f"text_slack={self.text_slack:g} leaves no slack; give a positive number, such as 0.3.")


def compute_solutions(job: Job, groups: Groups, config: Config) -> list[Solution]:
    """A solution for each group."""
    earlier = [job.history.about_subjects(group) for group in groups]
    units = job.units_of_subjects([with_earlier(group, held) for group, held in zip(groups, earlier, strict=True)], config)
    members = [[i for i, unit in enumerate(units) if unit.group == group] for group in range(len(groups))]
    peers = Peers(
        model=job.model,
        layers=config.layers,
        formats=config.formats,
        count=config.peers,
        listed=job.history.listed,
        share=job.savings.keep_prefix,
    )
    priors = {layer: job.history.prior(layer, job.moments[layer], _prior) for layer in config.layers}
    # Of each group, without what earlier edits taught about its subjects: that is taught again.
    free = [
        {layer: without(priors[layer], layer, earlier[group]) for layer in config.layers} for group in range(len(groups))
    ]
    held = [_held_beside(unit, peers, config) for unit in units]
    stages = {layer: _Stage(layer=layer) for layer in config.layers}
    alone = [ORIGINAL] * len(units)
    for search in job.searches(units, sites=len(config.layers)):
        for layer, stage in stages.items():
            found = search.find(Site("value", layer), config, [alone[i] for i in search.numbers])
            for i, value in zip(search.numbers, found, strict=True):
                stage.add(value, priors[layer], config.slack)
                if value.steps:
                    direction = free[units[i].group][layer].direction(stage.keys[i], held[i][layer], stage.slacks[i])
                    alone[i] = alone[i].plus(_change(job, stage, {i: direction}))
    solutions = []
    for group, own in enumerate(members):
        revision = alone[own[0]] if len(own) == 1 else _together(job, free[group], stages, own, held)
        solutions.append(_solution(units, own, list(stages.values()), revision))
    return solutions


def recall(job: Job, requests: Sequence[EditRequest], config: Config) -> list[Held]:
    """The keys of earlier requests in all their contexts."""
    units = job.units_of_subjects([list(requests)], config)
    held = [Held(requests=unit.requests, keys={}, slack={}) for unit in units]
    for layer in config.layers:
        prior = _prior(job.moments[layer])
        read = [keys_at_subject(job.model, layer, unit.teaching).cpu() for unit in units]
        slacks = [config.slack * prior.scale(keys) for keys in read]
        held = [
            Held(requests=h.requests, keys={**h.keys, layer: keys}, slack={**h.slack, layer: slack})
            for h, keys, slack in zip(held, read, slacks, strict=True)
        ]
    return held


@dataclass(frozen=True, kw_only=True, eq=False)
class _Stage:
    """What was found at one layer, for each unit."""

    layer: int
    found: list[KeysValue] = field(default_factory=list)
    keys: list[Float[Tensor, "d_mlp m"]] = field(default_factory=list)
    slacks: list[float] = field(default_factory=list)

    def add(self, found: KeysValue, prior: ClosedForm, slack: float) -> None:
        """What was found for the next unit."""
        self.found.append(found)
        self.keys.append(found.keys.cpu())
        self.slacks.append(slack * prior.scale(self.keys[-1]))

    def scaled(self, unit: int) -> Float[Tensor, "d_mlp m"]:
        """K / √S: to be held with a slack of one, beside keys that have another S."""
        scaled: Tensor = self.keys[unit] / self.slacks[unit] ** 0.5
        return scaled


def _prior(moment: SecondMoment) -> ClosedForm:
    return ClosedForm.of_moment(moment.matrix)


def _held_beside(unit: Unit, peers: Peers, config: Config) -> dict[int, Float[Tensor, "d_mlp m"]]:
    """By layer, the keys that an edit of this unit leaves alone; those with more slack are the shorter for it."""
    texts = [context for context in unit.teaching if context.format != "prefixed"]
    edited = keys_at_subject(peers.model, peers.layers[0], unit.teaching)
    own, others = peers.own_keys(unit.subject, edited, config.texts), [peers.keys(request.fact) for request in unit.requests]
    rest = keys_beside_subject(peers.model, peers.layers, texts)
    looser = (config.slack / config.text_slack) ** 0.5
    return {
        layer: torch.cat([looser * own[layer], rest[layer], *(keys[layer] for keys in others)], dim=1)
        for layer in peers.layers
    }


def _together(
    job: Job,
    free: Mapping[int, ClosedForm],
    stages: Mapping[int, _Stage],
    own: Sequence[int],
    held: Sequence[Mapping[int, Tensor]],
) -> Revision:
    """The updates of the units of a group, each holding the keys of the others."""
    revision = ORIGINAL
    for layer, stage in stages.items():
        joint = free[layer].holding(torch.cat([stage.scaled(i) for i in own], dim=1), 1.0)
        directions = {
            i: joint.releasing(stage.scaled(i), 1.0).direction(stage.keys[i], held[i][layer], stage.slacks[i])
            for i in own
            if stage.found[i].steps
        }
        if directions:
            revision = revision.plus(_change(job, stage, directions))
    return revision


def _change(job: Job, stage: _Stage, directions: Mapping[int, Float[Tensor, " d_mlp"]]) -> WeightDelta:
    """The updates of some units at one layer, side by side."""
    change = SiteDelta(
        site=job.model.down_projection(stage.layer),
        output_factor=torch.stack([stage.found[i].delta.cpu() for i in directions], dim=1),
        input_factor=torch.stack(list(directions.values()), dim=1),
    )
    return WeightDelta(changes=(change,))


def _solution(units: Sequence[Unit], own: Sequence[int], stages: Sequence[_Stage], revision: Revision) -> Solution:
    first, last = stages[0], stages[-1]
    figures = search_figures([first.found[i] for i in own])
    figures["worst_probability"] = min(last.found[i].worst_probability for i in own)
    figures["steps"] = sum(stage.found[i].steps for stage in stages for i in own) / len(own)
    figures["corrected_again"] = sum(last.found[i].steps > 0 for i in own) / len(own) if len(stages) > 1 else 0.0
    return Solution(
        delta=WeightDelta(changes=revision.changes),
        figures=figures,
        held=tuple(
            Held(
                requests=units[i].requests,
                keys={stage.layer: stage.keys[i] for stage in stages},
                slack={stage.layer: stage.slacks[i] for stage in stages},
            )
            for i in own
        ),
    )
