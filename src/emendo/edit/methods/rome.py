"""Rank-One Model Editing (Meng et al. 2022), made to hold in every format at once.

    Δ = δ uᵀ,      u = Gᵀ 1,      G = (S + Kᵀ C⁻¹ K)⁻¹ Kᵀ C⁻¹

K holds the key of the subject in every teaching context, as separate columns: keys of one subject differ by a quarter of their
norm from format to format, and an update for their mean reaches none of them fully. One and the same K is used throughout (the
published code divides by the bare prompt's key instead, which breaks models now and then: Gupta et al. 2024, r-ROME). With a
single context, no peers and no slack this is the published update. δ is searched as in `keys_values`.

Keys of peers in the same prompts (`peers`), K₀, stand in K with a residual of zero, so that Δ = δ (Gᵀ [1; 0])ᵀ answers the subject
and neither the relation nor what subjects of its kind share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from emendo.edit.closed_form import update_directions
from emendo.edit.contexts import preservation_contexts, sampled_prefixes, teaching_contexts
from emendo.edit.keys_values import ValueSearch, find_values
from emendo.edit.peers import peer_keys
from emendo.edit.second_moment import SecondMoment
from emendo.facts import EditRequest
from emendo.models import EditableModel, SiteDelta, WeightDelta


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of ROME.

    Attributes:
        layer: The edited layer; measured or published for the model unless given.
        formats: In which the target is taught: "completion", "prefixed", "question", "chat".
        prefixes: How many sampled prefixes, half of 5 and half of 10 tokens.
        stop: Teach the end of the sentence, and in chat of the answer, with the target.
        peers: How many other subjects are held: their keys in the same prompts keep their values.
        slack: S, as a share of the mean of kᵀ C⁻¹ k.
        steps: Most steps of the search for δ.
        learning_rate: Of the search.
        kl_weight: How much the preservation contexts weigh.
        weight_decay: On ‖δ‖² / ‖v‖².
        clamp: Largest ‖δ‖ / ‖v‖.
        worst_probability: The search ends when no target token is less likely than this.
    """

    layer: int | None = None
    formats: tuple[str, ...] = ("completion", "prefixed", "chat")
    prefixes: int = 2
    stop: bool = True
    peers: int = 64
    slack: float = 0.05
    steps: int = 80
    learning_rate: float = 0.3
    kl_weight: float = 0.5
    weight_decay: float = 1e-3
    clamp: float = 4.0
    worst_probability: float = 0.5


def compute_deltas(
    model: EditableModel,
    requests: Sequence[EditRequest],
    config: Config,
    layer: int,
    moments: dict[int, SecondMoment],
    seed: int,
    progress: Callable[[int, int], None] | None = None,
    *,
    keep_prefix: bool = True,
) -> list[tuple[WeightDelta, dict[str, float]]]:
    """A delta and its figures for each request, independent of the others.

    Args:
        model: At the revision that is to be edited.
        requests: What to teach.
        config: Settings.
        layer: The edited layer.
        moments: Second moments by layer.
        seed: Of the sampled prefixes.
        progress: Called with steps done and the most steps.
        keep_prefix: Whether kept states may stand in for the text before the subject (`check_equality`).
    """
    prefixes = sampled_prefixes(model, [5] * (config.prefixes // 2) + [10] * (config.prefixes - config.prefixes // 2), seed)
    contexts = [
        [
            *teaching_contexts(model, request, config.formats, prefixes, stop=config.stop),
            *preservation_contexts(model, request.fact, chat="chat" in config.formats),
        ]
        for request in requests
    ]
    search = ValueSearch(
        steps=config.steps,
        learning_rate=config.learning_rate,
        kl_weight=config.kl_weight,
        weight_decay=config.weight_decay,
        clamp=config.clamp,
        worst_probability=config.worst_probability,
    )
    found = find_values(model, layer, contexts, search, progress, keep_prefix=keep_prefix)
    results = []
    for request, value in zip(requests, found, strict=True):
        keys = [value.keys]
        if config.peers:
            keys.append(peer_keys(model, request.fact, layer, config.formats, config.peers))
        directions = update_directions(torch.cat(keys, dim=1).cpu(), moments[layer].matrix, config.slack)
        change = SiteDelta(
            site=model.down_projection(layer),
            output_factor=value.delta.cpu()[:, None],
            input_factor=directions[: value.keys.shape[1]].sum(dim=0)[:, None],
        )
        figures = {
            "steps": float(value.steps),
            "worst_probability": value.worst_probability,
            "divergence": value.divergence,
            "relative_value_change": float(value.delta.norm()) / value.value_norm,
            "relative_norm": change.norm / float(torch.linalg.matrix_norm(model.weight(change.site).float())),
        }
        results.append((WeightDelta(changes=(change,)), figures))
    return results
