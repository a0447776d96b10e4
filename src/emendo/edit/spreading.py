"""MEMIT's way from a target in the residual stream to the weights of a range of layers (Meng et al. 2023, algorithm 1).

z = h + δ is searched in the residual stream after the last layer of the range. Then, from the first layer to the last,

    R = (z − h) / (layers left),      Δ = R G  (`closed_form`),      h and the keys being read again after every layer.

Keys are means over the contexts. Methods differ in the prior, in the slack, and in whether earlier edits are held.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from emendo.edit.contexts import Context
from emendo.edit.job import Groups, Held, Job, Prior, Solution, Unit
from emendo.edit.keys_values import KeysValue, keys_at_subject, read_at_subject
from emendo.edit.settings import SearchSettings
from emendo.facts import EditRequest
from emendo.models import ORIGINAL, EditableModel, Revision, Site, SiteDelta, WeightDelta


def spread(
    job: Job, groups: Groups, settings: SearchSettings, prior: Prior, *, slack: float, has_history: bool = False
) -> list[Solution]:
    """A solution for each group.

    Args:
        job: The computation.
        groups: What is solved together.
        settings: Layers and search.
        prior: M₀ of a layer.
        slack: S.
        has_history: Whether earlier edits are held, and this one afterwards.
    """
    units = job.units(groups, settings)
    last = Site("resid_post", settings.layers[-1])
    found = job.search(last, units, settings)
    bare = [unit.contexts[0] for unit in units]
    goal = last_places(bare, read_at_subject(job.model, [last], bare)[0]) + torch.stack([f.delta for f in found], dim=1)
    revisions = [ORIGINAL] * len(groups)
    keys_of: dict[int, Tensor] = {}
    for at, layer in enumerate(settings.layers):
        own = [revisions[unit.group] for unit in units]
        keys = keys_of[layer] = mean_keys(job.model, layer, units, own)
        residual = (goal - last_places(bare, read_at_subject(job.model, [last], bare, own)[0])) / (len(settings.layers) - at)
        # Where nothing is held afterwards, this is the prior of the second moment alone.
        solver = job.history.prior(layer, job.moments[layer], prior)
        for group in range(len(groups)):
            members = [i for i, unit in enumerate(units) if unit.group == group]
            change = SiteDelta(
                site=job.model.down_projection(layer),
                output_factor=residual[:, members].cpu(),
                input_factor=solver.directions(keys[:, members], slack).T.contiguous(),
            )
            revisions[group] = revisions[group].plus(WeightDelta(changes=(change,)))
    return [
        Solution(
            delta=WeightDelta(changes=revision.changes),
            figures=search_figures([f for f, unit in zip(found, units, strict=True) if unit.group == group]),
            held=tuple(
                Held(
                    requests=unit.requests,
                    keys={layer: keys[:, i : i + 1] for layer, keys in keys_of.items()},
                    slack=dict.fromkeys(keys_of, slack),
                )
                for i, unit in enumerate(units)
                if has_history and unit.group == group
            ),
        )
        for group, revision in enumerate(revisions)
    ]


def recalled(job: Job, requests: Sequence[EditRequest], settings: SearchSettings, slack: float) -> list[Held]:
    """What `spread` would have held after these requests, read at the job's revision."""
    units = job.units([list(requests)], settings)
    keys = {layer: mean_keys(job.model, layer, units, [ORIGINAL] * len(units)) for layer in settings.layers}
    return [
        Held(
            requests=unit.requests,
            keys={layer: own[:, i : i + 1] for layer, own in keys.items()},
            slack=dict.fromkeys(keys, slack),
        )
        for i, unit in enumerate(units)
    ]


def mean_keys(
    model: EditableModel, layer: int, units: Sequence[Unit], revisions: Sequence[Revision]
) -> Float[Tensor, "d_mlp units"]:
    """The mean key of each unit over its teaching contexts, at the revision beside it."""
    contexts = [context for unit in units for context in unit.teaching]
    at = [revision for unit, revision in zip(units, revisions, strict=True) for _ in unit.teaching]
    keys = keys_at_subject(model, layer, contexts, at)
    places = [sum(len(context.subject_lasts) for context in unit.teaching) for unit in units]
    return torch.stack([own.mean(dim=1) for own in torch.split(keys, places, dim=1)], dim=1).cpu()


def last_places(contexts: Sequence[Context], columns: Float[Tensor, "width places"]) -> Float[Tensor, "width contexts"]:
    """The column of each context's last place of the subject, the one nearest to the target."""
    ends = torch.tensor([len(context.subject_lasts) for context in contexts]).cumsum(dim=0) - 1
    return columns[:, ends].cpu()


def search_figures(found: Sequence[KeysValue]) -> dict[str, float]:
    """What the searches of a group tell of themselves: the mean of steps and divergence, and the worst of the rest."""
    return {
        "steps": sum(f.steps for f in found) / len(found),
        "worst_probability": min(f.worst_probability for f in found),
        "divergence": sum(f.divergence for f in found) / len(found),
        "relative_value_change": max(float(f.delta.norm()) / f.value_norm for f in found),
    }
