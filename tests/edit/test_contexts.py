"""Where the subject stands and what is taught."""

from __future__ import annotations

from emendo.edit.contexts import preservation_contexts, sampled_prefixes, teaching_contexts
from emendo.facts import EditRequest, Fact
from emendo.models import EditableModel, encode

FORMATS = ("completion", "prefixed", "question", "chat")
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
