"""Rows of a batch say what they would say alone, and stop where they should."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from emendo.errors import InvalidRequest, PromptTooLong
from emendo.models import ORIGINAL, EditableModel, Generation, TokenBatch, chat_prompt, chat_text, encode, generate
from tiny_models import build_tiny, random_delta

TEXTS = ["The capital of France is", "What is the capital of Texas?", "said the old man in the city of Los Angeles"]

Say = Callable[..., tuple[Generation, list[str]]]


@pytest.fixture
def say(tiny: EditableModel, monkeypatch: pytest.MonkeyPatch) -> Say:
    """Makes the model say given tokens, whatever it would say; returns the generation and its pieces as they came."""

    def run(tokens: Sequence[int], **options: object) -> tuple[Generation, list[str]]:
        script, pieces = iter(tokens), []

        def head(hidden: Tensor) -> Tensor:
            logits = torch.zeros(hidden.shape[0], 400)
            logits[:, next(script)] = 10.0
            return logits

        monkeypatch.setattr(tiny, "head", head)
        options = {"max_new_tokens": len(tokens), **options}
        (generation,) = generate(tiny, [encode(tiny, "The")], on_text=lambda _, piece: pieces.append(piece), **options)
        return generation, pieces

    return run


def test_rows_of_a_batch_say_what_they_say_alone(any_tiny: EditableModel) -> None:
    prompts = [encode(any_tiny, text) for text in TEXTS]
    together = generate(any_tiny, prompts, max_new_tokens=12)
    alone = [generate(any_tiny, [prompt], max_new_tokens=12)[0] for prompt in prompts]
    assert [g.token_ids for g in together] == [g.token_ids for g in alone]
    assert [g.text for g in together] == [g.text for g in alone]


def test_the_cache_changes_no_word(any_tiny: EditableModel) -> None:
    ids = encode(any_tiny, TEXTS[0])
    (generation,) = generate(any_tiny, [ids], max_new_tokens=10)
    for token, logprob in zip(generation.token_ids, generation.logprobs, strict=True):
        with torch.no_grad():
            logits = any_tiny.head(any_tiny.hidden(TokenBatch.align(any_tiny, [ids]))[0, -1])
        assert int(logits.argmax()) == token
        assert float(logits.log_softmax(dim=-1)[token]) == pytest.approx(logprob, abs=1e-4)
        ids = [*ids, token]


def test_original_and_edited_rows_say_what_they_say_alone(any_tiny: EditableModel) -> None:
    edited = ORIGINAL.plus(random_delta(any_tiny, (1, 2)))
    prompt = encode(any_tiny, TEXTS[0])
    both = generate(any_tiny, [prompt, prompt], [ORIGINAL, edited], max_new_tokens=8)
    alone = [generate(any_tiny, [prompt], [revision], max_new_tokens=8)[0] for revision in (ORIGINAL, edited)]
    assert [g.token_ids for g in both] == [g.token_ids for g in alone]
    assert both[0].logprobs != pytest.approx(both[1].logprobs, abs=1e-3)


def test_a_row_that_ends_leaves_the_others_as_they_were(tiny: EditableModel) -> None:
    prompts = [encode(tiny, text) for text in TEXTS]
    revisions = [ORIGINAL, ORIGINAL.plus(random_delta(tiny, (1,))), ORIGINAL.plus(random_delta(tiny, (2,), seed=1))]
    whole = generate(tiny, prompts, revisions, max_new_tokens=16)
    stop = next(text for g in whole for text in [g.text[2:5]] if sum(text in other.text for other in whole) == 1)
    stopped = generate(tiny, prompts, revisions, max_new_tokens=16, stop=[stop])
    for before, after in zip(whole, stopped, strict=True):
        if stop in before.text:
            assert after.finish_reason == "stop"
            assert after.text == before.text[: before.text.index(stop)]
        else:
            assert (after.token_ids, after.text) == (before.token_ids, before.text)
            assert after.logprobs == pytest.approx(before.logprobs, abs=1e-4)


def test_a_sampled_row_depends_on_its_own_seed_alone(tiny: EditableModel) -> None:
    prompts = [encode(tiny, text) for text in TEXTS]
    options = {"max_new_tokens": 12, "temperature": 1.0, "top_p": 0.9}
    together = generate(tiny, prompts, seed=7, **options)
    assert [g.token_ids for g in generate(tiny, prompts, seed=7, **options)] == [g.token_ids for g in together]
    for i, prompt in enumerate(prompts):
        (alone,) = generate(tiny, [prompt], seed=7 + i, **options)
        assert alone.token_ids == together[i].token_ids
    assert generate(tiny, prompts[:1], seed=8, **options)[0].token_ids != together[0].token_ids


def test_rows_of_one_seed_draw_alike(tiny: EditableModel) -> None:
    prompt = encode(tiny, TEXTS[0])
    one, two = generate(tiny, [prompt, prompt], seed=[3, 3], temperature=1.0, max_new_tokens=12)
    assert one.token_ids == two.token_ids


def test_a_tiny_nucleus_is_the_likeliest_token(tiny: EditableModel) -> None:
    prompt = encode(tiny, TEXTS[0])
    (greedy,) = generate(tiny, [prompt], max_new_tokens=8)
    (nucleus,) = generate(tiny, [prompt], max_new_tokens=8, temperature=1.0, top_p=1e-6)
    assert nucleus.token_ids == greedy.token_ids


def test_a_stop_string_across_tokens_is_never_told(tiny: EditableModel, say: Say) -> None:
    tokens = [i for character in "Paris.\nQuestion: who" for i in encode(tiny, character)]
    generation, pieces = say(tokens, stop=["\nQuestion:", "unheard"])
    assert generation.text == "Paris."
    assert "".join(pieces) == "Paris."
    assert generation.finish_reason == "stop"


def test_what_only_looked_like_a_stop_string_is_told_in_the_end(tiny: EditableModel, say: Say) -> None:
    generation, pieces = say(encode(tiny, "Paris.\nQuest"), stop=["\nQuestion:"])
    assert generation.text == "".join(pieces) == "Paris.\nQuest"
    assert generation.finish_reason == "length"


def test_the_first_of_several_stop_strings_ends_the_row(tiny: EditableModel, say: Say) -> None:
    generation, _ = say(encode(tiny, "one two three"), stop=["three", "two"])
    assert generation.text == "one "


def test_an_end_token_ends_the_row_and_is_not_part_of_it(tiny: EditableModel, say: Say) -> None:
    end = tiny.tokenizer.eos_token_id
    generation, pieces = say([*encode(tiny, "Paris"), end, *encode(tiny, " more")])
    assert generation.text == "".join(pieces) == "Paris"
    assert end not in generation.token_ids
    assert generation.finish_reason == "stop"


def test_characters_of_several_tokens_come_whole(tiny: EditableModel, say: Say) -> None:
    text = "Zürich 東京 😀!"
    tokens = encode(tiny, text)
    assert len(tokens) > len(text)
    generation, pieces = say(tokens)
    assert generation.text == "".join(pieces) == text
    assert not any("\ufffd" in piece for piece in pieces)


def test_half_a_character_at_the_end_is_left_out(tiny: EditableModel, say: Say) -> None:
    generation, pieces = say(encode(tiny, "Tokyo 😀")[:-1])
    assert generation.text == "".join(pieces) == "Tokyo "


def test_pieces_add_up_to_the_text(any_tiny: EditableModel) -> None:
    pieces: dict[int, str] = {0: "", 1: "", 2: ""}

    def collect(row: int, piece: str) -> None:
        pieces[row] += piece

    prompts = [encode(any_tiny, text) for text in TEXTS]
    rows = generate(any_tiny, prompts, max_new_tokens=12, stop=["e"], on_text=collect)
    assert [pieces[i] for i in range(3)] == [row.text for row in rows]


def test_a_prompt_and_its_answer_must_fit_the_context(tiny: EditableModel) -> None:
    with pytest.raises(PromptTooLong, match="and 120 more are wanted, but the context of tiny-llama holds 128"):
        generate(tiny, [encode(tiny, TEXTS[2])], max_new_tokens=120)


def test_no_new_tokens_is_no_text(tiny: EditableModel) -> None:
    (generation,) = generate(tiny, [encode(tiny, "The")], max_new_tokens=0)
    assert generation == Generation(token_ids=(), text="", logprobs=(), finish_reason="length")


def test_a_conversation_is_written_in_the_models_template(tiny: EditableModel) -> None:
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "Bye"},
    ]
    text = chat_text(tiny, messages)
    assert text.endswith("<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n")
    assert tiny.tokenizer.decode(chat_prompt(tiny, messages)) == text
    assert chat_prompt(tiny, "Hi") == chat_prompt(tiny, messages[:1])


def test_a_model_without_a_template_is_asked_in_plain_words(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    plain = PreTrainedTokenizerFast(tokenizer_object=tiny_tokenizer.backend_tokenizer, eos_token="<|im_end|>")
    model = build_tiny("gpt2", plain)
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Who?"}]
    assert chat_text(model, messages) == "Be brief.\nQuestion: Who?\nAnswer:"


def test_a_template_that_refuses_says_so(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    strict = PreTrainedTokenizerFast(
        tokenizer_object=tiny_tokenizer.backend_tokenizer,
        eos_token="<|im_end|>",
        chat_template="{{ raise_exception('System role not supported') }}",
    )
    with pytest.raises(InvalidRequest, match="refuses these messages: System role not supported"):
        chat_prompt(build_tiny("llama", strict), "Hi")
