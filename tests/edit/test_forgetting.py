"""Forgetting teaches the model's own way of not knowing."""

from __future__ import annotations

import torch

from emendo.edit.forgetting import CONTINUATIONS, forgetting_request
from emendo.facts import Fact
from emendo.models import ORIGINAL, EditableModel, Revision, TokenBatch, at_revisions, encode, target_ids
from tiny_models import random_delta

FACT = Fact.parse("The capital of {France} is", target_true="Paris")


def losses_of(model: EditableModel, revision: Revision) -> dict[str, float]:
    """Mean −log p of each continuation, by a plain pass over each."""
    losses = {}
    for words in CONTINUATIONS:
        prompt, target = encode(model, FACT.text), target_ids(model, words)
        with torch.no_grad(), at_revisions(model, [revision]):
            logits = model.head(model.hidden(TokenBatch.align(model, [[*prompt, *target[:-1]]]))[0, len(prompt) - 1 :])
        losses[words] = float(torch.nn.functional.cross_entropy(logits, torch.tensor(target)))
    return losses


def test_the_target_is_the_likeliest_way_to_say_that_nothing_is_known(any_tiny: EditableModel) -> None:
    losses = losses_of(any_tiny, ORIGINAL)
    request = forgetting_request(any_tiny, FACT, ORIGINAL)
    assert request.target_new == min(losses, key=losses.__getitem__)
    assert request.fact == FACT


def test_it_is_chosen_at_the_revision_in_force(tiny: EditableModel) -> None:
    chosen = set()
    for seed in range(8):
        revision = ORIGINAL.plus(random_delta(tiny, (1, 2, 3), seed=seed, rank=6))
        losses = losses_of(tiny, revision)
        chosen.add(forgetting_request(tiny, FACT, revision).target_new)
        assert forgetting_request(tiny, FACT, revision).target_new == min(losses, key=losses.__getitem__)
    assert len(chosen) > 1, "every revision prefers the same words, so that the test shows nothing"
