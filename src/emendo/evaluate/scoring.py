"""Teacher-forced scores of many targets at many revisions, in few forward passes.

    nll(target | prompt) = −(1/T) Σₜ log p(targetₜ | prompt, target₁…ₜ₋₁)

the mean over the T tokens of the target, as in Meng et al. (2022). A row of the batch is the prompt and all target tokens
but the last. Causal attention makes a row that begins another one superfluous: two targets of one token share one row. The
head runs at the target positions only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from emendo.models import EditableModel, Revision, TokenBatch, at_revisions

_HEAD_POSITIONS = 256


@dataclass(frozen=True, kw_only=True, eq=False)
class TargetAfter:
    """A target after a prompt at a revision: what is to be scored.

    Attributes:
        prompt: Token ids, at least one.
        target: Token ids, at least one.
        revision: Where the model stands.
    """

    prompt: tuple[int, ...]
    target: tuple[int, ...]
    revision: Revision


@dataclass(frozen=True, kw_only=True)
class TargetScore:
    """How likely a target is, teacher-forced.

    Attributes:
        nll: Mean negative log-likelihood of its tokens, in nats.
        is_argmax: Whether each of its tokens is the likeliest, given those before it.
        likeliest: The likeliest token in the place of each of its tokens, given those before it.
        accuracy: Share of its tokens that are the likeliest.
    """

    nll: float
    is_argmax: bool
    likeliest: tuple[int, ...]
    accuracy: float


@dataclass(frozen=True, kw_only=True, eq=False)
class _Row:
    """One row of a batch, and the queries that it answers, by their number."""

    tokens: tuple[int, ...]
    revision: Revision
    queries: tuple[int, ...]


def score_targets(
    model: EditableModel, queries: Sequence[TargetAfter], *, tokens_per_batch: int = 2048
) -> list[TargetScore]:
    """The scores of the targets, in the order of the queries.

    Args:
        model: The model to run.
        queries: What to score.
        tokens_per_batch: Most tokens in one forward pass, padding included; a longer row runs alone.
    """
    scores: dict[int, TargetScore] = {}
    for rows in _batches(_rows(queries), tokens_per_batch):
        batch = TokenBatch.align(model, [row.tokens for row in rows])
        with torch.inference_mode(), at_revisions(model, [row.revision for row in rows]):
            hidden = model.hidden(batch)
            wanted = [
                (i, column, token)
                for i, row in enumerate(rows)
                for query in row.queries
                for column, token in enumerate(queries[query].target, start=len(queries[query].prompt) - 1)
            ]
            index = torch.tensor(wanted, device=hidden.device)
            nll: list[float] = []
            likeliest: list[int] = []
            for start in range(0, len(wanted), _HEAD_POSITIONS):
                part = index[start : start + _HEAD_POSITIONS]
                logits = model.head(hidden[part[:, 0], part[:, 1]])
                nll += (logits.logsumexp(dim=-1) - logits.gather(1, part[:, 2:].to(logits.device))[:, 0]).tolist()
                likeliest += logits.argmax(dim=-1).tolist()
        at = 0
        for query in (query for row in rows for query in row.queries):
            span = slice(at, at + len(queries[query].target))
            at = span.stop
            scores[query] = _score(queries[query].target, nll[span], likeliest[span])
    return [scores[i] for i in range(len(queries))]


def _score(target: Sequence[int], nll: Sequence[float], likeliest: Sequence[int]) -> TargetScore:
    right = [token == best for token, best in zip(target, likeliest, strict=True)]
    return TargetScore(
        nll=sum(nll) / len(nll),
        is_argmax=all(right),
        likeliest=tuple(likeliest),
        accuracy=sum(right) / len(right),
    )


def _rows(queries: Sequence[TargetAfter]) -> list[_Row]:
    """As few rows as answer all queries, the short ones first."""
    by_revision: dict[Revision, dict[tuple[int, ...], list[int]]] = {}
    for i, query in enumerate(queries):
        tokens = (*query.prompt, *query.target[:-1])
        by_revision.setdefault(query.revision, {}).setdefault(tokens, []).append(i)
    rows = []
    for revision, needed in by_revision.items():
        # In lexicographic order a row that begins another is followed by one that it begins.
        ordered = sorted(needed, reverse=True)
        hosts: dict[tuple[int, ...], list[int]] = {}
        host: tuple[int, ...] = ()
        for tokens in ordered:
            if host[: len(tokens)] != tokens:
                host = tokens
            hosts.setdefault(host, []).extend(needed[tokens])
        rows += [_Row(tokens=tokens, revision=revision, queries=tuple(found)) for tokens, found in hosts.items()]
    return sorted(rows, key=lambda row: len(row.tokens))


def _batches(rows: Sequence[_Row], tokens_per_batch: int) -> Iterator[list[_Row]]:
    batch: list[_Row] = []
    for row in rows:
        if batch and (len(batch) + 1) * len(row.tokens) > tokens_per_batch:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
