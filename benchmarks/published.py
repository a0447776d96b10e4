"""The procedure as published, written from the papers, as a yardstick: nothing of what makes Emendo fast is used here.

ROME (Meng et al. 2022): one request at a time; 21 contexts, the bare prompt and 20 sampled prefixes; every step of Adam runs all
blocks on all tokens in float32, with the head at every position; 20 steps, or until the loss is below 0.05. The published key is
used throughout (the mean over the contexts), since dividing by another one breaks models now and then.

Second moments (appendix E of the same paper): one full pass over the documents for each layer, documents padded to the longest of
their batch.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict

import torch
from torch import Tensor

from emendo.edit import Edit, SecondMoment
from emendo.edit.contexts import Context, preservation_contexts, teaching_contexts
from emendo.edit.methods.rome import Config
from emendo.facts import EditRequest
from emendo.models import EditableModel, Site, SiteDelta, TokenBatch, WeightDelta, capture, patch_activation

CONFIG = Config()
STOP_BELOW = 0.05


def published_rome(
    model: EditableModel, request: EditRequest, layer: int, moment: SecondMoment, prefixes: Sequence[str]
) -> Edit:
    """The edit of one request, and in its figures the steps and seconds that it took."""
    started = time.perf_counter()
    taught = teaching_contexts(model, request, CONFIG.formats, prefixes, stop=False)
    kept = preservation_contexts(model, request.fact, chat=False)
    contexts = [*taught, *kept]
    batch = TokenBatch.align(model, [context.ids for context in contexts])
    places = torch.zeros(batch.input_ids.shape)
    for row, context in enumerate(contexts):
        places[row, context.subject_lasts[-1]] = 1
    key_site, value_site = Site("key", layer), Site("value", layer)
    before, seen = _before(model, batch, [key_site, value_site])
    key = _at(seen[key_site], taught).mean(dim=0)
    value = _at(seen[value_site], taught)[0]
    # What each position of a teaching context shall predict, and −1 where nothing is taught.
    targets = torch.full(batch.input_ids.shape, -1)
    for row, context in enumerate(taught):
        first = len(context.prompt_ids) - 1
        targets[row, first : first + len(context.target_ids)] = torch.tensor(context.target_ids)
    lengths = torch.tensor([len(context.target_ids) for context in taught])
    delta = torch.zeros(model.d_model, requires_grad=True)
    optimiser = torch.optim.Adam([delta], lr=CONFIG.learning_rate)
    steps = 0
    for steps in range(1, CONFIG.steps + 1):
        change = places[:, :, None] * delta
        after = _forward(model, batch, value_site, change)
        said = after.gather(2, targets.clamp(min=0)[:, :, None])[:, :, 0] * (targets >= 0)
        likelihood = -(said.sum(dim=1)[: len(taught)] / lengths).mean()
        divergence = torch.stack(
            [_divergence(before[len(taught) + i], after[len(taught) + i], c) for i, c in enumerate(kept)]
        )
        decay = CONFIG.weight_decay * delta.norm() / value.norm() ** 2
        loss = likelihood + CONFIG.kl_weight * divergence.mean() + decay
        if float(loss.detach()) < STOP_BELOW or steps == CONFIG.steps:
            break
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        with torch.no_grad():
            limit = CONFIG.clamp * value.norm()
            if delta.norm() > limit:
                delta *= limit / delta.norm()
    direction = _solve(moment.matrix, key)
    change = SiteDelta(
        site=model.down_projection(layer),
        output_factor=delta.detach()[:, None],
        input_factor=(direction / (direction @ key))[:, None],
    )
    norm = change.norm / float(model.weight(change.site).norm())
    return Edit(
        delta=WeightDelta(changes=(change,)),
        requests=(request,),
        method="rome as published",
        config=asdict(CONFIG),
        seed=0,
        layers=(layer,),
        statistics={},
        figures={"steps": float(steps), "relative_norm": norm, "seconds": time.perf_counter() - started},
    )


def published_second_moment(model: EditableModel, layer: int, documents: Sequence[Sequence[int]], rows: int = 8) -> Tensor:
    """E[k kᵀ] at one layer over documents, in one full pass over all of them, padded batch by batch."""
    site, total, count = Site("key", layer), torch.zeros(model.d_mlp, model.d_mlp), 0
    for at in range(0, len(documents), rows):
        batch = TokenBatch.align(model, documents[at : at + rows])
        with torch.no_grad(), capture(model, [site]) as seen:
            model.network(**batch.inputs(), use_cache=False)
        keys = seen[site].reshape(*batch.input_ids.shape, -1)[batch.attention_mask.bool()]
        total += keys.T @ keys
        count += len(keys)
    return total / count


def _before(model: EditableModel, batch: TokenBatch, sites: Sequence[Site]) -> tuple[Tensor, dict[Site, Tensor]]:
    with torch.no_grad(), capture(model, sites) as seen:
        return model.head(model.hidden(batch)).log_softmax(dim=-1), seen


def _forward(model: EditableModel, batch: TokenBatch, site: Site, change: Tensor) -> Tensor:
    with patch_activation(model, site, lambda v: v + change):
        return model.head(model.hidden(batch)).log_softmax(dim=-1)


def _solve(matrix: Tensor, key: Tensor) -> Tensor:
    solution: Tensor = torch.linalg.solve(matrix, key)
    return solution


def _at(activation: Tensor, contexts: Sequence[Context]) -> Tensor:
    return torch.stack([activation[row, context.subject_lasts[-1]] for row, context in enumerate(contexts)])


def _divergence(before: Tensor, after: Tensor, context: Context) -> Tensor:
    last = len(context.prompt_ids) - 1
    return (before[last].exp() * (before[last] - after[last])).sum()
