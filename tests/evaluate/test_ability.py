"""Perplexity at a revision, against a plain loop."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from emendo.errors import InvalidRequest
from emendo.evaluate.ability import WINDOW_TOKENS, Reader
from emendo.models import ORIGINAL, EditableModel, WeightDelta, at_revisions

TEXT = "The capital of France is Paris and the capital of Texas is Austin. " * 120


def test_perplexity_is_that_of_a_plain_loop(
    tiny: EditableModel, handmade_delta: Callable[[EditableModel, str], WeightDelta]
) -> None:
    revision = ORIGINAL.plus(handmade_delta(tiny, "a"))
    width = min(WINDOW_TOKENS, tiny.context_length)
    ids = tiny.tokenizer(TEXT, add_special_tokens=False)["input_ids"]
    losses: dict[str, list[float]] = {"before": [], "after": []}
    for name, at in (("before", ORIGINAL), ("after", revision)):
        for start in (0, width, 2 * width):
            row = torch.tensor([ids[start : start + width]])
            with torch.no_grad(), at_revisions(tiny, [at]):
                log_p = tiny.network(row).logits.float().log_softmax(dim=-1)
            losses[name].append(-float(log_p[0, :-1].gather(1, row[0, 1:, None]).mean()))
    read = Reader(tiny, TEXT, windows=3).read(revision)
    assert (read.windows, read.tokens) == (3, 3 * (width - 1))
    mean = {name: sum(own) / 3 for name, own in losses.items()}
    assert read.perplexity == pytest.approx(math.exp(mean["after"]), rel=1e-4)
    assert read.ratio.estimate == pytest.approx(math.exp(mean["after"] - mean["before"]), rel=1e-4)
    assert read.ratio.low < read.ratio.estimate < read.ratio.high


def test_the_original_model_is_beside_itself(tiny: EditableModel) -> None:
    ratio = Reader(tiny, TEXT, windows=3).read(ORIGINAL).ratio
    assert (ratio.low, ratio.estimate, ratio.high) == (1.0, 1.0, 1.0)


def test_a_text_that_is_too_short_is_refused(tiny: EditableModel) -> None:
    with pytest.raises(InvalidRequest, match="two windows of"):
        Reader(tiny, "The capital of France is Paris.")
