"""Tokenizers of every kind, small enough to be trained in milliseconds."""

from __future__ import annotations

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from tiny_models import WORDS


def with_bos(plain: PreTrainedTokenizerFast) -> PreTrainedTokenizerFast:
    """The byte-level tokenizer, putting a token before every text as Llama 3 and Gemma do."""
    tokenizer = Tokenizer.from_str(plain.backend_tokenizer.to_str())
    tokenizer.post_processor = processors.TemplateProcessing(single="<|end|> $A", special_tokens=[("<|end|>", 0)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<|end|>", eos_token="<|im_end|>")


def sentencepiece() -> PreTrainedTokenizerFast:
    """A Unigram tokenizer that writes spaces as "▁" and puts one before the text, as Llama 2 and Mistral do."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    characters = sorted({*WORDS, "▁", *"Zürich法国的首都是,"})
    trainer = trainers.UnigramTrainer(
        vocab_size=200,
        special_tokens=["<unk>", "<s>", "</s>"],
        unk_token="<unk>",
        initial_alphabet=characters,
        show_progress=False,
    )
    tokenizer.train_from_iterator([WORDS, "Zürich 法国的首都是"], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


TOKENIZERS = {"plain": lambda plain: plain, "bos": with_bos, "sentencepiece": lambda _: sentencepiece()}
