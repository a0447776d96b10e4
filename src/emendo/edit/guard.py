"""Whether an edit may be committed.

Before anything is recorded, the edited model is run beside the original on text that has nothing to do with the subject. An edit
is refused when its factors are not finite, when ‖Δ‖ / ‖W‖ is beyond what works, or when the text becomes much less likely:

    perplexity ratio = exp(mean over tokens of log p₀ − log p_Δ)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from emendo.edit.corpora import Corpus
from emendo.errors import EditRefused
from emendo.models import ORIGINAL, EditableModel, Revision, TokenBatch, WeightDelta, at_revisions

MOST_RELATIVE_NORM = 1.0
MOST_PERPLEXITY_RATIO = 1.1
ROWS, ROW_TOKENS = 8, 64


@dataclass(frozen=True, kw_only=True)
class Harm:
    """What an edit costs elsewhere.

    Attributes:
        relative_norm: Largest ‖Δ‖ / ‖W‖ over the edited matrices.
        perplexity_ratio: Perplexity of unrelated text, edited over unedited.
    """

    relative_norm: float
    perplexity_ratio: float


def measure_harm(model: EditableModel, delta: WeightDelta, revision: Revision, corpus: Corpus) -> Harm:
    """What a delta on top of a revision costs on the first tokens of a corpus."""
    rows = [corpus.ids[at * ROW_TOKENS : (at + 1) * ROW_TOKENS] for at in range(ROWS)]
    batch = TokenBatch.align(model, [row for row in rows if len(row) > 1])
    norms = [change.norm / float(model.weight(change.site).float().norm()) for change in delta.changes]
    before, after = (_log_likelihood(model, batch, [r]) for r in (revision or ORIGINAL, revision.plus(delta)))
    return Harm(relative_norm=max(norms), perplexity_ratio=float(torch.tensor(before - after).exp()))


def refuse_harm(harm: Harm, delta: WeightDelta) -> None:
    """Nothing, where the edit may be committed.

    Raises:
        EditRefused: It would do harm.
    """
    if not delta.is_finite():
        raise EditRefused("The edit is not finite: the search for the value diverged; try a smaller learning rate.")
    if harm.relative_norm > MOST_RELATIVE_NORM:
        raise EditRefused(
            f"The edit is {harm.relative_norm:.2f} times as large as the matrix it changes, and at most "
            f"{MOST_RELATIVE_NORM:g} is accepted; try another layer or a smaller learning rate. Nothing was written."
        )
    if not harm.perplexity_ratio <= MOST_PERPLEXITY_RATIO:
        raise EditRefused(
            f"The edit makes unrelated text less likely (perplexity × {harm.perplexity_ratio:.2f}, and at most × "
            f"{MOST_PERPLEXITY_RATIO:g} is accepted); try another layer. Nothing was written."
        )


def _log_likelihood(model: EditableModel, batch: TokenBatch, revisions: Sequence[Revision]) -> float:
    """Mean log-probability of a token given those before it."""
    with torch.no_grad(), at_revisions(model, revisions):
        logits = model.head(model.hidden(batch)[:, :-1]).log_softmax(dim=-1)
    log_p = logits.gather(2, batch.input_ids[:, 1:, None])[:, :, 0]
    return float(log_p[batch.attention_mask[:, 1:].bool()].mean())
