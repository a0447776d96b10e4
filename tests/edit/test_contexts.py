"""Where the subject stands and what is taught."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from emendo.edit.contexts import (
    FORMATS,
    is_unread,
    kept_prefixes,
    preservation_contexts,
    sampled_prefixes,
    teaching_contexts,
)
from emendo.facts import EditRequest, Fact
from emendo.models import EditableModel, encode, target_ids
from tiny_models import build_tiny
from tiny_tokenizers import TOKENIZERS, with_bos

REQUEST = EditRequest(fact=Fact.parse("The capital of {California} is"), target_new="Los Angeles")


def test_every_format_ends_in_the_target_and_marks_the_subjects_last_token(any_tiny: EditableModel) -> None:
    decode = any_tiny.tokenizer.decode
    contexts = teaching_contexts(any_tiny, REQUEST, FORMATS, ["Said the old man."], stop=True)
    assert {context.format for context in contexts} == set(FORMATS)
    for context in contexts:
        text = decode([*context.prompt_ids, *context.target_ids])
        assert text.removesuffix("<|im_end|>").endswith("The capital of California is Los Angeles.")
        for last in context.subject_lasts:
            assert decode(context.prompt_ids[: last + 1]).endswith("California")
        assert len(context.subject_lasts) == decode(context.prompt_ids).count("California")


def test_the_chat_answer_is_taught_to_stop(tiny: EditableModel) -> None:
    closed = teaching_contexts(tiny, REQUEST, ("chat",), [], stop=True)
    for context, other in zip(closed, teaching_contexts(tiny, REQUEST, ("chat",), [], stop=False), strict=True):
        assert context.target_ids[-1] in tiny.stop_ids
        assert other.target_ids == context.target_ids[: len(other.target_ids)]
        assert len(other.target_ids) < len(context.target_ids)


def test_a_fact_is_asked_for_in_other_words_where_a_rule_has_some(tiny: EditableModel) -> None:
    (asked,) = teaching_contexts(tiny, REQUEST, ("asked",), [], stop=True)
    (chat,) = teaching_contexts(tiny, REQUEST, ("chat",), [], stop=True)
    assert "Can you name the capital of California?" in tiny.tokenizer.decode(asked.prompt_ids)
    assert (asked.target_ids, asked.lead) == (chat.target_ids, chat.lead)
    unruly = replace(REQUEST, fact=Fact.parse("{California} found employment in"))
    assert teaching_contexts(tiny, unruly, ("asked",), [], stop=True) == []


def test_target_tokens_are_concatenated_and_never_merged_into_the_prompt(tiny: EditableModel) -> None:
    (context,) = teaching_contexts(tiny, REQUEST, ("completion",), [], stop=False)
    assert list(context.prompt_ids) == encode(tiny, "The capital of California is")
    assert tiny.tokenizer.decode(context.target_ids) == " Los Angeles"


def test_prefixes_depend_on_the_seed_and_on_nothing_that_was_asked_before(tiny: EditableModel) -> None:
    first = sampled_prefixes(tiny, [5, 10], seed=1)
    assert sampled_prefixes(tiny, [5, 10], seed=2) != first
    assert sampled_prefixes(tiny, [5, 10], seed=1) == first


def test_preservation_contexts_teach_nothing(tiny: EditableModel) -> None:
    for context in preservation_contexts(tiny, REQUEST.fact, chat=True):
        assert context.target_ids == ()
        assert context.ids == context.prompt_ids


@pytest.fixture(scope="module", params=TOKENIZERS)
def any_tokenizer(request: pytest.FixtureRequest, tiny_tokenizer: PreTrainedTokenizerFast) -> EditableModel:
    """A tiny model with a tokenizer of every kind in turn."""
    return build_tiny("llama", TOKENIZERS[request.param](tiny_tokenizer))


@pytest.mark.parametrize("format_", ["completion", "prefixed", "question"])
def test_the_subject_is_found_at_every_place_whatever_the_tokenizer_puts_before(
    any_tokenizer: EditableModel, format_: str
) -> None:
    model = any_tokenizer
    fact = Fact(subject="Los Angeles", prompt="The man in the city of Los Angeles said: The capital of {} is")
    request = EditRequest(fact=fact, target_new="Paris")
    (context,) = teaching_contexts(model, request, (format_,), ["Said the old man."], stop=False)
    words = model.tokenizer.decode(context.prompt_ids)
    assert len(context.subject_lasts) == words.count("Los Angeles") == (4 if format_ == "question" else 2)
    for last in context.subject_lasts:
        assert model.tokenizer.decode(context.prompt_ids[: last + 1]).endswith("Los Angeles")
        assert not model.tokenizer.decode(context.prompt_ids[:last]).endswith("Los Angeles")


def test_the_tokenizer_says_whether_a_text_begins_with_bos_and_a_template_writes_its_own(
    any_tokenizer: EditableModel, tiny_tokenizer: PreTrainedTokenizerFast
) -> None:
    bos = any_tokenizer.tokenizer.bos_token_id
    for context in teaching_contexts(any_tokenizer, REQUEST, FORMATS, ["Said the old man."], stop=True):
        assert context.ids.count(bos) == (0 if bos is None else 1)
        assert bos is None or context.ids[0] == bos
    templated = with_bos(tiny_tokenizer)
    templated.chat_template = "{{ bos_token }}" + str(tiny_tokenizer.chat_template)
    model = build_tiny("llama", templated)
    for context in (
        *teaching_contexts(model, REQUEST, ("chat",), [], stop=True),
        *preservation_contexts(model, REQUEST.fact, chat=True),
    ):
        assert context.ids[0] == templated.bos_token_id
        assert context.ids.count(templated.bos_token_id) == 1, "once by the template and once by the tokenizer"


def test_a_subject_is_unread_where_it_is_the_first_token_of_a_text(
    tiny: EditableModel, tiny_tokenizer: PreTrainedTokenizerFast
) -> None:
    first = Fact(subject="Q", prompt="{}'s capital is")
    assert is_unread(tiny, first)
    # More tokens, other words before it, a second place, or a token that the tokenizer puts before every text.
    assert not is_unread(tiny, Fact(subject="Los Angeles", prompt="{}'s capital is"))
    assert not is_unread(tiny, Fact(subject="Q", prompt="The capital of {} is"))
    assert not is_unread(tiny, Fact(subject="Q", prompt="{}, the capital of Q is"))
    assert not is_unread(build_tiny("llama", with_bos(tiny_tokenizer)), first)


def test_targets_that_do_not_survive_decoding_keep_their_tokens(tiny: EditableModel) -> None:
    """A character of two bytes is two tokens here: `prompt + decode(target[:-1])` would read something else."""
    prompt, target = encode(tiny, REQUEST.fact.text), target_ids(tiny, "Orléans é")
    (context,) = teaching_contexts(tiny, replace(REQUEST, target_new="Orléans é"), ("completion",), [], stop=False)
    assert list(context.ids) == [*prompt, *target[:-1]]
    assert list(context.prompt_ids + context.target_ids) == encode(tiny, f"{REQUEST.fact.text} Orléans é")
    again = encode(tiny, REQUEST.fact.text + tiny.tokenizer.decode(target[:-1]))
    assert again != list(context.ids), "the target survives decoding, so that the test shows nothing"


def test_prefixes_are_those_of_the_model_that_is_edited(
    tiny: EditableModel, tiny_tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    other = build_tiny("llama", tiny_tokenizer, seed=1)
    own = kept_prefixes(tiny, (5, 10), 0, tmp_path)
    assert own == sampled_prefixes(tiny, (5, 10), 0)
    assert kept_prefixes(other, (5, 10), 0, tmp_path) == sampled_prefixes(other, (5, 10), 0) != own
    assert kept_prefixes(tiny, (5, 10), 0, tmp_path) == own
    assert kept_prefixes(tiny, (5, 10), 1, tmp_path) != own
    assert kept_prefixes(tiny, (), 0, tmp_path) == []
