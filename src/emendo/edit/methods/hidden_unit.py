"""Emendo's default, one hidden unit a fact: it opens at the subject alone, and adds there what makes the model say the target.

A change of the down-projection reaches every input: with n facts in one matrix each token of any text gets n small shares of a δ,
and their sum grows with √n until the model is gone. The nonlinearity of the MLP ends that. Of some layers, the hidden unit that
text uses least is given to the fact (`hidden_units`), with a gate that opens at the subject and an output that adds δ,

    δ as in ROME, searched in several formats at once, from the answer's beginning in chat to its end.

The gate comes first, and what it lets through of δ differs from text to text; the search adds just that much in each, and in the
first facts of a model less after other text, as a reserve for what is asked otherwise. It goes on until the beginning of the
answer is what the model says by itself, too: a δ that makes the target likely may spoil the way there.

So edits hardly meet, neither one another nor the text; what is lost is what the units did before. The gate is the least, under the
second moment of what the MLP reads, that is open at the subject and shut at its peers. Of what is most like the subject - names
that end like it, the subjects of other edits, in the first facts of a model also the subject itself in other texts - those that
would open the gate are pressed below its threshold, and the others are left alone: a gate has few inputs to spare, and every one
that is held costs some of what it does on plain text. What is shut to other texts is easily shut to the fact in other words, so
those that rules have are held open. The change is of rank one in each matrix of the MLP. Neurons that hold one correction each
are known from T-Patcher (Huang et al. 2023), which adds them to the last layer and trains them; here none is added, and nothing is
trained but δ.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import islice

import torch
from jaxtyping import Float
from torch import Tensor

from emendo.edit.closed_form import ClosedForm
from emendo.edit.contexts import Context
from emendo.edit.hidden_units import Gate, HiddenUnit, constant, least_used, make_gate, open_direction, write_unit
from emendo.edit.job import Groups, Held, Job, Solution, Unit, with_earlier
from emendo.edit.keys_values import KeysValue, keys_beside_subject, read_at_subject
from emendo.edit.namesakes import namesake_contexts
from emendo.edit.peers import Peers, check_texts
from emendo.edit.second_moment import SecondMoment
from emendo.edit.settings import OwnSettings
from emendo.edit.spreading import search_figures
from emendo.edit.texts import TEXTS
from emendo.errors import InvalidRequest
from emendo.facts import EditRequest
from emendo.models import ORIGINAL, Site, WeightDelta

LAYERS = "turns"
STATISTICS = "mlp_in"
SUMMARY = "Emendo's default: a hidden unit for each fact, open at its subject alone"


@dataclass(frozen=True, kw_only=True)
class Config(OwnSettings):
    """Settings of the method.

    Attributes:
        threshold: θ: where the gate opens, between 0 (other inputs) and 1 (the subject).
        sharpness: a: how steeply it does.
        sufficient: How much of what a gate lets through of δ has to do after sampled prefixes.
        texts: In how many other texts the gate stays shut at the subject itself, so that far less leaks; 0 for gates that are open
            at the subject wherever it stands.
        first_facts: How many facts of a model get reserve and other texts: many reserves cost plain text, many texts paraphrases.
    """

    peers: int = 8
    lead_probability: float = 0.5
    threshold: float = 0.6
    sharpness: float = 20.0
    sufficient: float = 0.75
    texts: int = len(TEXTS)
    first_facts: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        check_texts(self.texts)
        if not 0 < self.threshold < 1:
            raise InvalidRequest(
                f"threshold={self.threshold:g} is not between 0 (other inputs) and 1 (the subject); give a number such as 0.6."
            )
        if not 0 < self.sufficient <= 1:
            raise InvalidRequest(
                f"sufficient={self.sufficient:g} is not above 0 and at most 1, which is all of δ; give a number such as 0.75."
            )


def compute_solutions(job: Job, groups: Groups, config: Config) -> list[Solution]:
    """A solution for each group."""
    earlier = [job.history.about_subjects(group) for group in groups]
    units = job.units_of_subjects([with_earlier(group, held) for group, held in zip(groups, earlier, strict=True)], config)
    configs = _configs(job, units, earlier, config)
    members = [[i for i, unit in enumerate(units) if unit.group == group] for group in range(len(groups))]
    free = list(islice(least_used(job.model, job.moments, config.layers, job.revision), max(map(len, members))))
    # Groups do not see each other, so each may take the same.
    places = {i: free[at] for own in members for at, i in enumerate(own)}
    peers = Peers(
        model=job.model,
        # Of layers that are edited, after the one at which subjects are compared.
        layers=tuple(dict.fromkeys([config.layers[0], *(place.layer for place in places.values())])),
        formats=config.formats,
        count=config.peers,
        listed=job.history.listed,
        share=job.savings.keep_prefix,
        kind="mlp_in",
    )
    read = [_held(job, unit, config) for unit in units]
    gates: dict[int, Gate] = {}
    for own, replaced in zip(members, earlier, strict=True):
        others = [held for held in job.history.earlier if held not in replaced]
        for i in own:
            beside = [*others, *(read[other] for other in own if other != i)]
            gates[i] = _gate(job, units[i], places[i].layer, read[i], beside, peers, configs[units[i].group])
    found = _searched(job, units, places, gates, read, configs)
    solutions = []
    for own in members:
        revision = ORIGINAL
        for i in own:
            revision = revision.plus(_written(job, places[i], found[i], gates[i]))
        figures = search_figures([found[i] for i in own])
        if config.texts:
            figures["other_texts"] = configs[units[own[0]].group].texts
        held = tuple(read[i] for i in own)
        solutions.append(Solution(delta=WeightDelta(changes=revision.changes), figures=figures, held=held))
    return solutions


def _configs(job: Job, units: Sequence[Unit], earlier: Sequence[Sequence[Held]], config: Config) -> list[Config]:
    """The settings of each group: no other texts and no reserve once the model has many facts."""
    new = Counter(unit.group for unit in units)
    facts = [len(job.history.earlier) - len(replaced) + new[group] for group, replaced in enumerate(earlier)]
    frugal = replace(config, texts=0, sufficient=1.0)
    return [config if count <= config.first_facts else frugal for count in facts]


def recall(job: Job, requests: Sequence[EditRequest], config: Config) -> list[Held]:
    """What the MLPs read at the subjects of earlier requests, in all their contexts."""
    return [_held(job, unit, config) for unit in job.units_of_subjects([list(requests)], config)]


def _searched(
    job: Job,
    units: Sequence[Unit],
    places: Mapping[int, HiddenUnit],
    gates: Mapping[int, Gate],
    read: Sequence[Held],
    configs: Sequence[Config],
) -> dict[int, KeysValue]:
    """δ of each unit at the layer of its place, as far as its gate lets it through; those of one layer are searched together."""
    order = sorted(places, key=lambda i: places[i].layer)
    found: dict[int, KeysValue] = {}
    for search in job.searches([units[i] for i in order], sites=1, apart=[places[i].layer for i in order]):
        numbers = [order[at] for at in search.numbers]
        layer = places[numbers[0]].layer
        openings = []
        for i in numbers:
            (kept,) = read_at_subject(job.model, [Site("mlp_in", layer)], units[i].preserving)
            let_through = gates[i].openings(torch.cat([read[i].keys[layer], kept.cpu()], dim=1)).tolist()
            own = configs[units[i].group]
            shares = [_share(context, own) for context in units[i].contexts for _ in context.subject_lasts]
            openings.append([share * opening for share, opening in zip(shares, let_through, strict=True)])
        # In what a search is told beside the openings they are alike.
        found |= zip(numbers, search.find(Site("value", layer), configs[0], openings=openings), strict=True)
    return found


def _share(context: Context, config: Config) -> float:
    """Of what the gate lets through, how much has to do in a context."""
    return config.sufficient if context.format == "prefixed" else 1.0


def _held(job: Job, unit: Unit, config: Config) -> Held:
    """What the MLPs read at the subject of a unit; it is not held by priors, so without slack."""
    read = read_at_subject(job.model, [Site("mlp_in", layer) for layer in config.layers], unit.teaching)
    keys = {layer: columns.cpu() for layer, columns in zip(config.layers, read, strict=True)}
    return Held(requests=unit.requests, keys=keys, slack={})


def _gate(job: Job, unit: Unit, layer: int, own: Held, others: Sequence[Held], peers: Peers, config: Config) -> Gate:
    """One that is open at the subject, shut at its peers, and below the threshold at all that would open it otherwise."""
    inputs, moment = own.keys[layer], job.moments[layer]
    doubtful, also = _namesakes(job, unit, layer, others, peers), inputs[:, :0]
    second = None
    direction = partial(
        open_direction,
        _prior(moment),
        inputs,
        shut=torch.cat([peers.keys(request.fact)[layer] for request in unit.requests], dim=1),
        slack=config.slack,
        threshold=config.threshold,
    )
    if config.texts:
        asked = "asked" in config.formats
        also = torch.cat([inputs, *(peers.worded_keys(request.fact, asked)[layer] for request in unit.requests)], dim=1)
        second = direction(doubtful=doubtful, also=also)
        texts = peers.own_keys(unit.requests[0].fact.subject, own.keys[config.layers[0]], config.texts)[layer]
        # A target may be like the subject, as of one family.
        said = keys_beside_subject(job.model, [layer], unit.teaching, "mlp_in")[layer]
        doubtful = torch.cat([doubtful, texts, said], dim=1)
    return make_gate(
        job.model,
        layer,
        opens=direction(doubtful=doubtful, also=also),
        always=constant(moment),
        inputs=inputs,
        threshold=config.threshold,
        sharpness=config.sharpness,
        second=second,
    )


def _namesakes(job: Job, unit: Unit, layer: int, others: Sequence[Held], peers: Peers) -> Float[Tensor, "d_model n"]:
    """What the MLP reads at other subjects that may be like that of a unit: of other edits, and names that end like it."""
    fact = unit.requests[0].fact
    similar = [torch.zeros(job.model.d_model, 0), *(held.keys[layer] for held in others)]
    if contexts := namesake_contexts(job.model, fact, [peer.subject for peer in peers.nearest(fact)]):
        (read,) = read_at_subject(job.model, [Site("mlp_in", layer)], contexts, share=job.savings.keep_prefix)
        similar.append(read.cpu())
    return torch.cat(similar, dim=1)


def _written(job: Job, place: HiddenUnit, found: KeysValue, gate: Gate) -> WeightDelta:
    """The unit at a place that adds δ where it opens."""
    site = job.model.down_projection(place.layer)
    # What the unit said there before is missed too.
    before = found.keys[place.number].mean().cpu() * job.model.weight(site)[:, place.number].float().cpu()
    return write_unit(job.model, place, gate, found.delta.cpu() + before)


@lru_cache(maxsize=16)
def _prior(moment: SecondMoment) -> ClosedForm:
    """Made once from a layer's second moment."""
    return ClosedForm.of_moment(moment.matrix)
