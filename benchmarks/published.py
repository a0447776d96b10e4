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
    with torch.no_grad(), capture(model, [key_site, value_site]) as seen:
        before = model.head(model.hidden(batch)).log_softmax(dim=-1)
    key = _at(seen[key_site], taught).mean(dim=0)
    value = _at(seen[value_site], taught)[0]
    delta = torch.zeros(model.d_model, requires_grad=True)
    optimiser = torch.optim.Adam([delta], lr=CONFIG.learning_rate)
    steps = 0
    for steps in range(1, CONFIG.steps + 1):
        change = places[:, :, None] * delta
        with patch_activation(model, value_site, lambda v, change=change: v + change):
            after = model.head(model.hidden(batch)).log_softmax(dim=-1)
        likelihood = torch.stack([_target_loss(after[row], context) for row, context in enumerate(taught)]).mean()
        divergence = torch.stack(
            [_divergence(before[len(taught) + i], after[len(taught) + i], c) for i, c in enumerate(kept)]
        )
        decay = CONFIG.weight_decay * delta.norm() / value.norm() ** 2
        loss = likelihood + CONFIG.kl_weight * divergence.mean() + decay
        if float(loss) < STOP_BELOW or steps == CONFIG.steps:
            break
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        with torch.no_grad():
            limit = CONFIG.clamp * value.norm()
            if delta.norm() > limit:
                delta *= limit / delta.norm()
    direction = torch.linalg.solve(moment.matrix, key)
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


def _at(activation: Tensor, contexts: Sequence[Context]) -> Tensor:
    return torch.stack([activation[row, context.subject_lasts[-1]] for row, context in enumerate(contexts)])


def _target_loss(log_p: Tensor, context: Context) -> Tensor:
    first = len(context.prompt_ids) - 1
    picked = [log_p[first + i, token] for i, token in enumerate(context.target_ids)]
    return -torch.stack(picked).mean()


def _divergence(before: Tensor, after: Tensor, context: Context) -> Tensor:
    last = len(context.prompt_ids) - 1
    return (before[last].exp() * (before[last] - after[last])).sum()
