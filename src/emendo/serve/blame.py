"""Which edit moved a token: its log-probability with each edit in force left out in turn, all in one batch.

difference of an edit = log p(token | all edits) − log p(token | all but this one)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from emendo.ledger import Entry
from emendo.models import Revision, TokenBatch, at_revisions
from emendo.serve.served import Served

_ROWS = 16


def leave_one_out(served: Served, in_force: Sequence[Entry], ids: Sequence[int], token: int) -> dict[str, Any]:
    """The token's log-probability after some others at a revision, and without each of its edits.

    Args:
        served: The model.
        in_force: The edits of the revision, in order.
        ids: What comes before the token.
        token: The token.
    """
    model = served.bench
    deltas = [served.ledger.patch(entry).delta for entry in in_force]
    revisions = [Revision(deltas=tuple(deltas))]
    revisions += [Revision(deltas=tuple(d for at, d in enumerate(deltas) if at != left)) for left in range(len(deltas))]
    logprobs: list[float] = []
    for start in range(0, len(revisions), _ROWS):
        part = revisions[start : start + _ROWS]
        with torch.inference_mode(), at_revisions(model, part):
            hidden = model.hidden(TokenBatch.align(model, [ids] * len(part)))[:, -1]
            logprobs += model.head(hidden).log_softmax(dim=-1)[:, token].tolist()
    return {
        "token": model.tokenizer.decode([token]),
        "logprob": logprobs[0],
        "entries": [
            {"number": entry.number, "logprob_without": without, "difference": logprobs[0] - without}
            for entry, without in zip(in_force, logprobs[1:], strict=True)
        ],
    }
