"""Positions and target tokens, with tokenizers of every kind."""

from __future__ import annotations

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from emendo.errors import InvalidRequest, PromptTooLong
from emendo.models import EditableModel, TokenBatch, encode, subject_spans, target_ids
from tiny_models import build_tiny
from tiny_tokenizers import TOKENIZERS

CASES = [
    ("The capital of France is", "France", 1),
    ("France has its capital in", "France", 1),
    ("The capital of Los Angeles, said the man of Los Angeles, is", "Los Angeles", 2),
    ("Question: Who wrote it?\nAnswer: Zürich", "Zürich", 1),
    ("ParisParis is not Paris, is it", "Paris", 1),
    ("CaliforniaTexas", "California", 1),
    ("法国的首都是", "法国", 1),
]


@pytest.fixture(scope="module", params=TOKENIZERS)
def model(request: pytest.FixtureRequest, tiny_tokenizer: PreTrainedTokenizerFast) -> EditableModel:
    return build_tiny("llama", TOKENIZERS[request.param](tiny_tokenizer))


@pytest.mark.parametrize("special", [True, False])
@pytest.mark.parametrize(("text", "subject", "count"), CASES)
def test_spans_hold_the_subject_and_no_token_more(
    model: EditableModel, text: str, subject: str, count: int, special: bool
) -> None:
    ids = encode(model, text, special=special)
    spans = subject_spans(model, text, subject, special=special)
    assert len(spans) == count
    for first, last in spans:
        assert subject in model.tokenizer.decode(ids[first : last + 1])
        assert subject not in model.tokenizer.decode(ids[first:last])
        # At the start of a text SentencePiece's lone "▁" counts as part of the first word.
        is_blank = not model.tokenizer.decode(ids[first]).strip()
        assert is_blank or subject not in model.tokenizer.decode(ids[first + 1 : last + 1])
    assert spans == sorted(spans)


def test_a_subject_that_is_not_there_is_named(model: EditableModel) -> None:
    with pytest.raises(InvalidRequest, match="'Spain' does not stand in 'The capital of France is'"):
        subject_spans(model, "The capital of France is", "Spain")


@pytest.mark.parametrize("target", ["Paris", "Los Angeles", "jchowlabs", "Zürich"])
def test_prompt_and_target_tokens_are_those_of_the_whole_text(model: EditableModel, target: str) -> None:
    prompt = "The capital of France is"
    assert encode(model, prompt) + target_ids(model, target) == encode(model, f"{prompt} {target}")


def test_an_empty_prompt_is_refused(tiny: EditableModel) -> None:
    with pytest.raises(InvalidRequest, match="prompt is empty"):
        encode(tiny, "")


def test_a_prompt_longer_than_the_context_is_refused(tiny: EditableModel) -> None:
    with pytest.raises(PromptTooLong, match=r"has \d+ tokens, and the context of tiny-llama holds 128"):
        encode(tiny, "word " * 200)
    with pytest.raises(PromptTooLong, match="has 129 tokens"):
        TokenBatch.align(tiny, [[1] * 129])


def test_rows_are_aligned_at_their_anchors(tiny: EditableModel) -> None:
    rows = [[5, 6, 7], [8, 9], [10, 11, 12, 13]]
    batch = TokenBatch.align(tiny, rows, [1, 0, 3])
    assert batch.input_ids[:, 3].tolist() == [6, 8, 13]
    for i, row in enumerate(rows):
        span = slice(batch.starts[i], batch.ends[i])
        assert batch.input_ids[i, span].tolist() == row
        assert batch.position_ids[i, span].tolist() == list(range(len(row)))
        assert int(batch.attention_mask[i].sum()) == len(row)
    assert not batch.input_ids[~batch.attention_mask.bool()].any()


def test_columns_are_cut_with_the_mask_of_all_before(tiny: EditableModel) -> None:
    batch = TokenBatch.align(tiny, [[5, 6, 7], [8, 9]])
    cut = batch.inputs(start=1, end=2)
    assert torch.equal(cut["input_ids"], batch.input_ids[:, 1:2])
    assert torch.equal(cut["attention_mask"], batch.attention_mask[:, :2])


def test_what_all_rows_begin_with_moves_to_the_first_columns(tiny: EditableModel) -> None:
    rows = [[7, 8, 1, 2, 3], [7, 8, 4, 5], [7, 8, 6, 9, 1, 2]]
    batch = TokenBatch.align(tiny, rows, [3, 2, 4])
    moved, count = batch.sharing(4)
    assert count == 2
    for row, (ids, mask, positions) in enumerate(
        zip(moved.input_ids.tolist(), moved.attention_mask.tolist(), moved.position_ids.tolist(), strict=True)
    ):
        assert [i for i, is_token in zip(ids, mask, strict=True) if is_token] == rows[row]
        assert [p for p, is_token in zip(positions, mask, strict=True) if is_token] == list(range(len(rows[row])))
        assert ids[:2] == [7, 8]
    assert torch.equal(moved.input_ids[:, 4:], batch.input_ids[:, 4:])
