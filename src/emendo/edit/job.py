"""What a method works with: a model at the revision that is to be edited, statistics, and what earlier edits must keep.

A `Job` is made afresh for each computation; its `History` is carried from edit to edit of a sequence, so that the cost of an edit
does not grow with the number of edits before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from emendo.edit.closed_form import ClosedForm
from emendo.edit.contexts import Context, preservation_contexts, teaching_contexts
from emendo.edit.kept_values import KeptValues
from emendo.edit.keys_values import KeysValue, find_values, parts
from emendo.edit.second_moment import SecondMoment
from emendo.edit.settings import SearchSettings
from emendo.edit.shards import Savings
from emendo.facts import EditRequest
from emendo.models import ORIGINAL, EditableModel, Revision, Site, WeightDelta

Groups = Sequence[Sequence[EditRequest]]
Prior = Callable[[SecondMoment], ClosedForm]


@dataclass(frozen=True, kw_only=True, eq=False)
class Held:
    """What later edits of a sequence leave alone.

    Attributes:
        requests: Whose keys they are: requests about one subject.
        keys: Columns, by layer.
        slack: S, by layer.
    """

    requests: tuple[EditRequest, ...]
    keys: Mapping[int, Float[Tensor, "d_mlp m"]]
    slack: Mapping[int, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class Solution:
    """What a method computed for one group of requests.

    Attributes:
        delta: The change of weights.
        figures: Steps, probabilities, norms.
        held: What later edits of a sequence shall leave alone.
    """

    delta: WeightDelta
    figures: Mapping[str, float]
    held: tuple[Held, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Unit:
    """What shares one δ: a request, or the requests of a group about one subject.

    Attributes:
        group: Number of its group.
        requests: What is taught.
        contexts: Texts that teach, for published methods the bare prompt of the request first, and texts that preserve.
    """

    group: int
    requests: tuple[EditRequest, ...]
    contexts: tuple[Context, ...]

    @property
    def subject(self) -> str:
        return self.requests[0].fact.subject

    @property
    def teaching(self) -> tuple[Context, ...]:
        """The texts that teach."""
        return tuple(context for context in self.contexts if context.target_ids)

    @property
    def preserving(self) -> tuple[Context, ...]:
        """The texts that preserve."""
        return tuple(context for context in self.contexts if not context.target_ids)


@dataclass(kw_only=True, eq=False)
class History:
    """The keys of earlier edits, and for each layer the prior that holds them.

    Attributes:
        earlier: What is held.
        listed: Keys of listed names by layer (see `Peers`), which do not change with edits of that layer or above.
    """

    earlier: list[Held] = field(default_factory=list)
    listed: dict[int, Float[Tensor, "d_mlp subjects"]] = field(default_factory=dict)
    _priors: dict[int, ClosedForm] = field(default_factory=dict)

    def prior(self, layer: int, moment: SecondMoment, make: Prior) -> ClosedForm:
        """The prior of a layer with everything held; made once from the layer's second moment."""
        if layer not in self._priors:
            prior = make(moment)
            if self.earlier:
                # K S⁻¹ Kᵀ is the same for K / √S and a slack of one; in float32 the quotient could not be released exactly.
                keys = torch.cat([held.keys[layer].double() / held.slack[layer] ** 0.5 for held in self.earlier], dim=1)
                prior = prior.holding(keys, 1.0)
            self._priors[layer] = prior
        return self._priors[layer]

    def hold(self, held: Held) -> None:
        """Leave these keys alone from now on."""
        self.earlier.append(held)
        for layer, prior in self._priors.items():
            self._priors[layer] = prior.holding(held.keys[layer], held.slack[layer])

    def release(self, held: Held) -> None:
        """The inverse of `hold`."""
        self.earlier.remove(held)
        for layer, prior in self._priors.items():
            self._priors[layer] = prior.releasing(held.keys[layer], held.slack[layer])

    def about_subjects(self, group: Sequence[EditRequest]) -> list[Held]:
        """What is held about the subjects of some requests."""
        return [held for subject in dict.fromkeys(r.fact.subject for r in group) for held in self.about(subject)]

    def about(self, subject: str) -> tuple[Held, ...]:
        """What is held about a subject."""
        return tuple(held for held in self.earlier if held.requests[0].fact.subject == subject)


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """One computation.

    Attributes:
        model: At the revision that is to be edited.
        moments: Second moments by edited layer, of what the method asks for.
        revision: What is in force: the model runs at it.
        history: What earlier edits of the sequence hold.
        seed: Of everything random.
        savings: Which are exact for the model.
        values: Searches that are kept; nothing is kept unless given.
        prefixes: Sampled texts before the prompt, for the prefixed format.
        report: Called with how much of the search is done, and of how much.
    """

    model: EditableModel
    moments: Mapping[int, SecondMoment]
    revision: Revision = ORIGINAL
    history: History
    seed: int
    savings: Savings
    values: KeptValues | None
    prefixes: Sequence[str]
    report: Callable[[int, int], None]

    def units(self, groups: Groups, settings: SearchSettings) -> list[Unit]:
        """A unit for each request.

        Args:
            groups: Requests that are solved together; groups do not see each other.
            settings: Which contexts.
        """
        return [
            Unit(
                group=number,
                requests=(request,),
                contexts=(*self._teaching(request, settings), *self._preserving(request, settings)),
            )
            for number, group in enumerate(groups)
            for request in group
        ]

    def units_of_subjects(self, groups: Groups, settings: SearchSettings) -> list[Unit]:
        """A unit for each subject of a group, taught where the subject can be read: not at the first token of a text.

        Args:
            groups: As for `units`.
            settings: Which contexts.
        """
        units = []
        for number, group in enumerate(groups):
            subjects: dict[str, list[EditRequest]] = {}
            for request in group:
                subjects.setdefault(request.fact.subject, []).append(request)
            for requests in subjects.values():
                taught = [context for request in requests for context in self._teaching(request, settings)]
                read = [context for context in taught if not context.is_unread] or taught
                contexts = (*read, *self._preserving(requests[0], settings))
                units.append(Unit(group=number, requests=tuple(requests), contexts=contexts))
        return units

    def search(self, site: Site, units: Sequence[Unit], settings: SearchSettings) -> list[KeysValue]:
        """Keys and δ of each unit at one site."""
        return [value for search in self.searches(units, sites=1) for value in search.find(site, settings)]

    def searches(self, units: Sequence[Unit], *, sites: int, apart: Sequence[object] = ()) -> Iterator[Search]:
        """The units in parts that are searched together, each at so many sites.

        Args:
            units: All of them.
            sites: At how many sites each is searched.
            apart: Something of each unit: neighbours in which it differs are never in one part.
        """
        for numbers in parts([unit.contexts for unit in units], apart):
            yield Search(job=self, units=units, numbers=numbers, sites=sites)

    def _teaching(self, request: EditRequest, settings: SearchSettings) -> list[Context]:
        return teaching_contexts(self.model, request, settings.formats, self.prefixes, stop=settings.stop)

    def _preserving(self, request: EditRequest, settings: SearchSettings) -> list[Context]:
        return preservation_contexts(self.model, request.fact, chat="chat" in settings.formats)


def with_earlier(group: Sequence[EditRequest], earlier: Sequence[Held]) -> list[EditRequest]:
    """The requests, and those of earlier edits about their subjects that they do not replace."""
    replaced = {(request.fact.subject, request.fact.prompt) for request in group}
    kept = [r for held in earlier for r in held.requests if (r.fact.subject, r.fact.prompt) not in replaced]
    return [*group, *kept]


def without(prior: ClosedForm, layer: int, earlier: Sequence[Held]) -> ClosedForm:
    """A prior of a layer that no longer holds what some earlier edits taught."""
    for before in earlier:
        prior = prior.releasing(before.keys[layer], before.slack[layer])
    return prior


@dataclass(kw_only=True, eq=False)
class Search:
    """Units that are searched together, at one site after another.

    Attributes:
        job: The computation.
        units: All units.
        numbers: Those that are searched.
        sites: At how many sites each is searched.
        done: At how many sites these were.
    """

    job: Job
    units: Sequence[Unit]
    numbers: range
    sites: int
    done: int = 0

    def find(
        self,
        site: Site,
        settings: SearchSettings,
        revisions: Sequence[Revision] | None = None,
        openings: Sequence[Sequence[float]] | None = None,
    ) -> list[KeysValue]:
        """Keys and δ of each (see `find_values`); those that are kept are not searched again."""
        job, contexts = self.job, [self.units[i].contexts for i in self.numbers]
        find = find_values if job.values is None else job.values.find
        found = find(
            job.model,
            site,
            contexts,
            settings,
            self._report,
            revisions=revisions,
            savings=job.savings,
            openings=openings,
        )
        self.done += 1
        return found

    def _report(self, share: float) -> None:
        own = len(self.numbers) * (self.done + share) / self.sites
        self.job.report(round(100 * (self.numbers.start + own)), 100 * len(self.units))
