"""The inverse of an edit: a fact is lowered, and none is planted in its place.

The target is the model's own way of saying that it does not know: of some continuations that say so, the one that the model finds
likeliest after the prompt (mean negative log-likelihood of the tokens, the least wins).
"""

from __future__ import annotations

import torch

from emendo.facts import EditRequest, Fact
from emendo.models import EditableModel, Revision, TokenBatch, at_revisions, encode, target_ids

CONTINUATIONS = ("unknown", "not known", "not known to me", "not clear", "uncertain", "a mystery")


def forgetting_request(model: EditableModel, fact: Fact, revision: Revision) -> EditRequest:
    """The request whose target is the model's own "I do not know" after the prompt of a fact.

    Args:
        model: The model.
        fact: What shall be forgotten.
        revision: What is in force.
    """
    prompt = encode(model, fact.text)
    targets = [target_ids(model, words) for words in CONTINUATIONS]
    batch = TokenBatch.align(model, [[*prompt, *target[:-1]] for target in targets])
    with torch.no_grad(), at_revisions(model, [revision]):
        log_p = model.head(model.hidden(batch)[:, len(prompt) - 1 :]).log_softmax(dim=-1)
    losses = [-sum(float(log_p[row, at, token]) for at, token in enumerate(t)) / len(t) for row, t in enumerate(targets)]
    return EditRequest(fact=fact, target_new=CONTINUATIONS[losses.index(min(losses))], source="the model's own words")
