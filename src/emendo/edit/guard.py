"""Whether an edit may be committed.

Before anything is recorded, the edited model is run beside the original on text that has nothing to do with the subject. An edit
is refused when its factors are not finite, when ‖Δ‖ / ‖W‖ is beyond what works, or when the text becomes much less likely:

    perplexity ratio = exp(mean d),      d = log p₀ − log p_Δ of a token

The text is read passage by passage, and no further once mean d lies four standard errors below what is accepted, of the edit and
of all edits so far: one that does no harm costs one passage, one that may do any costs all of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from emendo.edit.corpora import Corpus
from emendo.errors import EditRefused
from emendo.models import (
    ORIGINAL,
    EditableModel,
    KeptStates,
    Revision,
    SiteDelta,
    TokenBatch,
    WeightDelta,
    at_revisions,
    matrix_units,
)

MOST_RELATIVE_NORM = 1.0
MOST_PERPLEXITY_RATIO = 1.1
PASSAGES, PASSAGE_TOKENS = 4, 48
_STANDARD_ERRORS = 4.0


@dataclass(frozen=True, kw_only=True)
class Harm:
    """What an edit costs elsewhere.

    Attributes:
        relative_norm: Largest ‖Δ‖ / ‖W‖ over the edited matrices.
        perplexity_ratio: Perplexity of unrelated text, edited over unedited.
        perplexity_ratio_of_all: The same of all edits so far, over the original model: single edits may do little, and add up.
    """

    relative_norm: float
    perplexity_ratio: float
    perplexity_ratio_of_all: float


class Guard:
    """Measures what edits of a revision cost on the first tokens of a corpus."""

    def __init__(self, model: EditableModel, revision: Revision, corpus: Corpus) -> None:
        """Read nothing yet: each passage is run once, unedited; each edit then costs the blocks from its own on.

        Args:
            model: The model to edit.
            revision: What the edits go on top of.
            corpus: The text.
        """
        passages = [corpus.ids[at * PASSAGE_TOKENS : (at + 1) * PASSAGE_TOKENS] for at in range(PASSAGES)]
        self.model, self.revision = model, revision
        self._passages = [passage for passage in passages if len(passage) > 1]
        self._unedited: list[_Passage] = []
        self._original: list[Tensor] = []

    def moved(self, revision: Revision) -> Guard:
        """One that measures edits on top of another revision; what the original says is not read again."""
        moved = copy(self)
        moved.revision, moved._unedited = revision, []
        return moved

    def measure(self, delta: WeightDelta) -> Harm:
        """What a delta on top of the revision costs."""
        first = min((self.model.layer_of(change.site) for change in delta.changes), default=self.model.n_layers - 1)
        differences: list[Tensor] = []
        of_all: list[Tensor] = []
        while len(differences) < len(self._passages) and not (_is_harmless(differences) and _is_harmless(of_all)):
            before, original = self._passage(len(differences)), self._said_originally(len(differences))
            with matrix_units(self.model), at_revisions(self.model, [self.revision.plus(delta)]):
                after = _log_likelihoods(self.model, before.batch, before.kept, first)
            differences.append(before.log_likelihoods - after)
            of_all.append(original - after)
        ratio, ratio_of_all = (float(torch.cat(d).double().mean().exp()) for d in (differences, of_all))
        return Harm(
            relative_norm=relative_norm(self.model, delta.changes),
            perplexity_ratio=ratio,
            perplexity_ratio_of_all=ratio_of_all,
        )

    def _passage(self, at: int) -> _Passage:
        """A passage as the revision reads it, run when it is first asked for."""
        if at == len(self._unedited):
            self._unedited.append(self._read(at, self.revision))
        return self._unedited[at]

    def _said_originally(self, at: int) -> Tensor:
        """How likely the tokens of a passage are to the original model."""
        if at == len(self._original):
            passage = self._read(at, ORIGINAL) if self.revision.deltas else self._passage(at)
            self._original.append(passage.log_likelihoods)
        return self._original[at]

    def _read(self, at: int, revision: Revision) -> _Passage:
        batch = TokenBatch.align(self.model, [self._passages[at]])
        with matrix_units(self.model), at_revisions(self.model, [revision]):
            kept = KeptStates.record(self.model, batch, 0)
            return _Passage(batch=batch, kept=kept, log_likelihoods=_log_likelihoods(self.model, batch, kept, 0))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Passage:
    batch: TokenBatch
    kept: KeptStates
    log_likelihoods: Tensor


def _is_harmless(differences: Sequence[Float[Tensor, " tokens"]]) -> bool:
    """Whether what was read shows beyond doubt that the text stays as likely as is accepted."""
    read = torch.cat([torch.empty(0), *(tokens.cpu() for tokens in differences)])
    if len(read) < 2:
        return False
    # A ratio that is not a number compares with nothing.
    return float(read.mean() + _STANDARD_ERRORS * read.std() / len(read) ** 0.5) < math.log(MOST_PERPLEXITY_RATIO)


def _log_likelihoods(model: EditableModel, batch: TokenBatch, kept: KeptStates, layer: int) -> Float[Tensor, " tokens"]:
    """Log-probability of each token of a row given those before it, blocks from `layer` on being run."""
    with torch.no_grad():
        final = kept.resume(layer, kept.resid_pre(layer))
        logits = model.head(final[0, :-1])
        tokens = batch.input_ids[0, 1:].to(logits.device)
        return logits.gather(1, tokens[:, None])[:, 0] - logits.logsumexp(dim=1)


def relative_norm(model: EditableModel, changes: Sequence[SiteDelta]) -> float:
    """Largest ‖Δ‖ / ‖W‖ of some changes; 0 where there is none."""
    return max((change.norm / float(model.weight(change.site).float().norm()) for change in changes), default=0.0)


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
            f"{MOST_RELATIVE_NORM:g} is accepted; try fewer facts at once, another layer or a smaller learning rate. "
            "Nothing was written."
        )
    if not harm.perplexity_ratio <= MOST_PERPLEXITY_RATIO:
        raise EditRefused(
            f"The edit makes unrelated text less likely (perplexity × {harm.perplexity_ratio:.2f}, and at most × "
            f"{MOST_PERPLEXITY_RATIO:g} is accepted); try fewer facts at once or another layer. Nothing was written."
        )
