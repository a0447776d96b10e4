"""What a text without braces is about: by its words, and by what noise does."""

from __future__ import annotations

import itertools

import pytest
import torch

from emendo.errors import InvalidRequest
from emendo.locate import subject as subject_module
from emendo.locate.causal_tracing import embedding_deviation
from emendo.locate.subject import candidate_spans, find_subject, span_effects, subject_by_rule, subject_by_trace
from emendo.models import EditableModel, Site, TokenBatch, encode, patch_activation


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("The capital of France is", "France"),
        ("What is the capital of France?", "France"),
        ("The CEO of Apple is", "Apple"),
        ("The Prime Minister of Canada is", "Canada"),
        ("Storming of the Bastille took place in", "Storming of the Bastille"),
        ("Mexico national football team plays", "Mexico national football team"),
        ("Barack Obama's wife is", "Barack Obama"),
        ("In Paris, the tallest building is", "Paris"),
        ("In which city was Albert Einstein born?", "Albert Einstein"),
        ("The Beatles were formed in", "The Beatles"),
        ('"War and Peace" was written by', "War and Peace"),
        ("Los Angeles, California is in", "Los Angeles, California"),
        ("What is the twin city of Kiev? It is", "Kiev"),
        ("the capital of france is", "france"),
        ("what does photosynthesis produce?", "photosynthesis"),
        ("is of the", None),
        ("", None),
    ],
)
def test_the_words_alone_say_what_a_text_is_about(text: str, subject: str | None) -> None:
    assert subject_by_rule(text) == subject
    assert subject is None or subject in text


def test_spans_are_within_the_text_and_do_not_overlap() -> None:
    text = "What is the twin city of Kiev? It is the Los Angeles of the east, said Ada Lovelace"
    spans = list(candidate_spans(text))
    assert {"twin city", "Kiev", "Ada Lovelace"} <= {text[start:end] for start, end in spans}
    assert all(a < b <= c for (a, b), (c, _) in itertools.pairwise(spans))
    assert list(candidate_spans("is of the")) == []


def test_the_effect_of_a_span_is_the_distance_between_two_plain_passes(tiny: EditableModel) -> None:
    text, seed = "The capital of France and Texas", 3
    ids, offsets = encode(tiny, text), tiny.tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    start = text.index("France")
    ((effect, length),) = span_effects(tiny, text, [(start, start + 6)], noise_samples=1, noise_scale=0.5, seed=seed)
    noise = (
        0.5 * embedding_deviation(tiny, ids) * torch.randn(1, len(ids), 32, generator=torch.Generator().manual_seed(seed))
    )
    inside = torch.tensor([a < start + 6 and b > start for a, b in offsets])
    batch = TokenBatch.align(tiny, [ids])
    with torch.no_grad():
        clean = tiny.head(tiny.hidden(batch)[0, -1]).softmax(dim=-1)
        with patch_activation(tiny, Site("resid_pre", 0), lambda hidden: hidden + noise * inside[:, None]):
            corrupted = tiny.head(tiny.hidden(batch)[0, -1]).softmax(dim=-1)
    assert effect == pytest.approx(float((clean - corrupted).abs().sum()) / 2, abs=1e-5)
    assert length == int(inside.sum())


def test_the_span_with_the_largest_effect_is_taken_and_the_seed_repeats_it(tiny: EditableModel) -> None:
    text = "the capital of the old man is far from the city of angeles and"
    spans = list(candidate_spans(text))
    assert len(spans) > 1
    effects = span_effects(tiny, text, spans, noise_samples=3, noise_scale=1.0, seed=0)
    assert all(0 < effect <= 1 for effect, _ in effects)
    best = max(range(len(spans)), key=lambda i: effects[i][0] * effects[i][1])
    start, end = spans[best]
    assert subject_by_trace(tiny, text) == subject_by_trace(tiny, text) == text[start:end]
    longest = max(range(len(spans)), key=lambda i: effects[i][1])
    assert subject_by_trace(tiny, text, length_exponent=50.0) == text[slice(*spans[longest])]


def test_no_noise_has_no_effect_and_batches_make_no_difference(
    any_tiny: EditableModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "Who wrote the old man of Los Angeles, Texas?"
    spans = list(candidate_spans(text))
    silent = span_effects(any_tiny, text, spans, noise_samples=2, noise_scale=0.0, seed=0)
    assert [effect for effect, _ in silent] == pytest.approx([0.0] * len(spans), abs=1e-5)
    settings = {"noise_samples": 2, "noise_scale": 1.0, "seed": 0}
    whole = span_effects(any_tiny, text, spans, **settings)
    monkeypatch.setattr(subject_module, "BATCH_TOKENS", 1)
    parted = span_effects(any_tiny, text, spans, **settings)
    assert [e for e, _ in parted] == pytest.approx([e for e, _ in whole], abs=1e-4)


def test_where_no_rule_fits_the_model_is_asked_and_where_nothing_is_found_the_user(tiny: EditableModel) -> None:
    assert subject_by_rule("who wrote hamlet?") is None
    assert find_subject(tiny, "who wrote hamlet?") == "hamlet"
    assert find_subject(tiny, "The capital of France is") == "France"
    with pytest.raises(InvalidRequest, match=r"No subject was found in 'is of the'; mark it in braces"):
        find_subject(tiny, "is of the")
    assert subject_by_trace(tiny, "is of the") is None
