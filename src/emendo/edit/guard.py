"""Whether an edit may be committed.

Before anything is recorded, the edited model is run beside the original on text that has nothing to do with the subject. An edit
is refused when its factors are not finite, when ‖Δ‖ / ‖W‖ is beyond what works, or when the text becomes much less likely:

    perplexity ratio = exp(mean over tokens of log p₀ − log p_Δ)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from emendo.edit.corpora import Corpus
from emendo.errors import EditRefused
from emendo.models import EditableModel, KeptStates, Revision, TokenBatch, WeightDelta, at_revisions, matrix_units

MOST_RELATIVE_NORM = 1.0
MOST_PERPLEXITY_RATIO = 1.1
ROWS, ROW_TOKENS = 4, 48


@dataclass(frozen=True, kw_only=True)
class Harm:
    """What an edit costs elsewhere.

    Attributes:
        relative_norm: Largest ‖Δ‖ / ‖W‖ over the edited matrices.
        perplexity_ratio: Perplexity of unrelated text, edited over unedited.
    """

    relative_norm: float
    perplexity_ratio: float


class Guard:
    """Measures what edits of a revision cost on the first tokens of a corpus."""

    def __init__(self, model: EditableModel, revision: Revision, corpus: Corpus) -> None:
        """Run the text once, unedited; each edit then costs the blocks from its own on.

        Args:
            model: The model to edit.
            revision: What the edits go on top of.
            corpus: The text.
        """
        rows = [corpus.ids[at * ROW_TOKENS : (at + 1) * ROW_TOKENS] for at in range(ROWS)]
        self.model, self.revision = model, revision
        self.batch = TokenBatch.align(model, [row for row in rows if len(row) > 1])
        with matrix_units(model), at_revisions(model, [revision]):
            self.kept = KeptStates.record(model, self.batch, 0)
            self.before = self._log_likelihood(0)

    def measure(self, delta: WeightDelta) -> Harm:
        """What a delta on top of the revision costs."""
        norms = [change.norm / float(self.model.weight(change.site).float().norm()) for change in delta.changes]
        first = min((self.model.layer_of(change.site) for change in delta.changes), default=self.model.n_layers - 1)
        with matrix_units(self.model), at_revisions(self.model, [self.revision.plus(delta)]):
            after = self._log_likelihood(first)
        return Harm(relative_norm=max(norms, default=0.0), perplexity_ratio=math.exp(self.before - after))

    def _log_likelihood(self, layer: int) -> float:
        """Mean log-probability of a token given those before it, blocks from `layer` on being run."""
        with torch.no_grad():
            final = self.kept.resume(layer, self.kept.resid_pre(layer))
            logits = self.model.head(final[:, :-1]).float()
            tokens, mask = self.batch.input_ids[:, 1:].to(logits.device), self.batch.attention_mask[:, 1:].to(logits.device)
            log_p = logits.gather(2, tokens[:, :, None])[:, :, 0] - logits.logsumexp(dim=2)
        return float(log_p[mask.bool()].mean())


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
