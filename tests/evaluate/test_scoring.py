"""Teacher-forced scores: equal to the plain forward pass, however they are batched."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from emendo.evaluate.scoring import TargetAfter, score_targets
from emendo.models import ORIGINAL, EditableModel, WeightDelta, encode, target_ids

TEXTS = (
    "The capital of France is",
    "The",
    "What is the capital of Texas? The capital of Texas is",
    "Carson City and Nevada are",
)
TARGETS = ("Paris", "Los Angeles", "jchowlabs", "a", "the")


def _queries(model: EditableModel, revisions) -> list[TargetAfter]:
    return [
        TargetAfter(prompt=tuple(encode(model, text)), target=tuple(target_ids(model, target)), revision=revision)
        for revision in revisions
        for text in TEXTS
        for target in TARGETS
    ]


def _plain(model: EditableModel, query: TargetAfter) -> tuple[float, bool]:
    """The definition, written out: one row, all logits, the model's own head."""
    ids = torch.tensor([[*query.prompt, *query.target]])
    with torch.no_grad():
        log_p = model.network(input_ids=ids).logits[0].float().log_softmax(dim=-1)
    tokens = list(enumerate(query.target, start=len(query.prompt) - 1))
    nll = -sum(float(log_p[at, token]) for at, token in tokens) / len(tokens)
    return nll, all(int(log_p[at].argmax()) == token for at, token in tokens)


def test_scores_of_a_batch_equal_the_plain_forward_pass_in_every_family(any_tiny: EditableModel) -> None:
    queries = _queries(any_tiny, [ORIGINAL])
    for query, score in zip(queries, score_targets(any_tiny, queries), strict=True):
        nll, is_argmax = _plain(any_tiny, query)
        assert score.nll == pytest.approx(nll, abs=1e-4)
        assert score.is_argmax == is_argmax


def test_scores_do_not_depend_on_what_shares_the_batch(
    any_tiny: EditableModel, handmade_delta: Callable[[EditableModel, str], WeightDelta]
) -> None:
    revisions = [ORIGINAL, *(ORIGINAL.plus(handmade_delta(any_tiny, name)) for name in ("one", "other"))]
    queries = _queries(any_tiny, revisions)
    together = score_targets(any_tiny, queries)
    for query, score in zip(queries, together, strict=True):
        (alone,) = score_targets(any_tiny, [query])
        assert score.nll == pytest.approx(alone.nll, abs=1e-4)
        assert score.is_argmax == alone.is_argmax
    third = len(queries) // 3
    moved = [abs(a.nll - b.nll) for a, b in zip(together[:third], together[third : 2 * third], strict=True)]
    assert sum(moved) / third > 1e-2


@pytest.mark.parametrize("tokens_per_batch", [1, 40, 100_000])
def test_scores_do_not_depend_on_the_size_of_batches(tiny: EditableModel, tokens_per_batch: int) -> None:
    queries = _queries(tiny, [ORIGINAL])
    usual = score_targets(tiny, queries)
    other = score_targets(tiny, queries, tokens_per_batch=tokens_per_batch)
    assert [score.nll for score in other] == pytest.approx([score.nll for score in usual], abs=1e-5)


def test_a_row_that_begins_another_is_not_run_again(tiny: EditableModel) -> None:
    prompt, long = (5, 6, 7), (8, 9, 10)
    queries = [TargetAfter(prompt=prompt, target=target, revision=ORIGINAL) for target in ((8,), (11,), long)]
    seen: list[torch.Size] = []
    handle = tiny.embedding.register_forward_hook(lambda _, args, __: seen.append(args[0].shape))
    scores = score_targets(tiny, queries)
    handle.remove()
    assert seen == [torch.Size([1, 5])]
    assert scores[0].nll == pytest.approx(_plain(tiny, queries[0])[0], abs=1e-4)
    assert scores[1].nll == pytest.approx(_plain(tiny, queries[1])[0], abs=1e-4)


def test_the_likeliest_continuation_is_the_argmax(tiny: EditableModel) -> None:
    ids = encode(tiny, TEXTS[0])
    with torch.no_grad():
        best = int(tiny.network(input_ids=torch.tensor([ids])).logits[0, -1].argmax())
    queries = [TargetAfter(prompt=tuple(ids), target=(token,), revision=ORIGINAL) for token in (best, (best + 1) % 400)]
    assert [score.is_argmax for score in score_targets(tiny, queries)] == [True, False]


@pytest.mark.real
def test_scores_of_a_batch_equal_the_plain_forward_pass_on_the_embedded_model(real: EditableModel) -> None:
    queries = _queries(real, [ORIGINAL])
    for query, score in zip(queries, score_targets(real, queries), strict=True):
        nll, is_argmax = _plain(real, query)
        assert score.nll == pytest.approx(nll, abs=1e-4 * max(1, nll))
        assert score.is_argmax == is_argmax
