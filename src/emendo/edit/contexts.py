"""The texts in which a request must hold, and those in which its subject must stay what it was.

A fact that was taught in one format fails in most others, so the new target is taught in several at once:

    completion   "The capital of California is" → " Sacramento."
    prefixed     "… sampled words. The capital of California is" → " Sacramento."
    question     "Question: What is the capital of California?\\nAnswer: The capital of California is" → " Sacramento."
    chat         the question through the chat template → "The capital of California is Sacramento.", stop
    asked        the same for "Can you name the capital of California?", where a rule has other words for the question

Token ids are concatenated, and the subject is found by character offsets at every place where it stands.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from emendo.facts import EditRequest, Fact
from emendo.models import EditableModel, chat_text, encode, generate, subject_spans, target_ids

FORMATS = ("completion", "prefixed", "question", "chat", "asked")
_OPENERS = ("The", "Therefore", "Because", "I", "You")


@dataclass(frozen=True, kw_only=True)
class Context:
    """A text and what shall follow it.

    Attributes:
        format: One of `FORMATS`; "preservation" where nothing is taught.
        prompt_ids: Tokens of the text, up to what the request changes.
        target_ids: Tokens that shall follow; empty where the model's own next token shall stay as it is.
        subject_lasts: Index of the subject's last token, at each place where the subject stands.
        lead: How many tokens at the end of the text the model shall say by itself too: in chat, the prompt in its answer.
    """

    format: str
    prompt_ids: tuple[int, ...]
    target_ids: tuple[int, ...]
    subject_lasts: tuple[int, ...]
    lead: int = 0

    @property
    def ids(self) -> tuple[int, ...]:
        """The text and all but the last target token: what the model reads."""
        return self.prompt_ids + self.target_ids[:-1]

    @property
    def is_unread(self) -> bool:
        """Whether the subject is the first token of the text: an attention sink, in which it is hardly told from other tokens."""
        return self.subject_lasts == (0,)


def sampled_prefixes(model: EditableModel, lengths: Sequence[int], seed: int) -> list[str]:
    """Beginnings of text for the prefixed contexts, sampled from the model: one of each length in tokens.

    Drawn afresh from the seed for every model, never kept.
    """
    prefixes = []
    for length in sorted(set(lengths)):
        rows = [encode(model, _OPENERS[i % len(_OPENERS)]) for i in range(lengths.count(length))]
        said = generate(model, rows, max_new_tokens=length, temperature=1.0, seed=seed + length)
        for i, row in enumerate(said):
            words = (_OPENERS[i % len(_OPENERS)] + row.text).replace("\n", " ").rstrip()
            prefixes.append(words if words.endswith((".", "!", "?")) else words + ".")
    return prefixes


def kept_prefixes(model: EditableModel, lengths: Sequence[int], seed: int, folder: Path) -> list[str]:
    """`sampled_prefixes`, read from a folder where the same model said the same before.

    Args:
        model: Its edits do not matter: the texts are sampled once from the original weights, and kept under their digest.
        lengths: As for `sampled_prefixes`.
        seed: As for `sampled_prefixes`.
        folder: Where they are kept.
    """
    if not lengths:
        return []
    words = json.dumps([model.digest, model.tokenizer_digest, sorted(lengths), seed])
    path = folder / f"{hashlib.sha256(words.encode()).hexdigest()[:24]}.json"
    if path.is_file():
        kept: list[str] = json.loads(path.read_text(encoding="utf-8"))
        return kept
    prefixes = sampled_prefixes(model, lengths, seed)
    folder.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps(prefixes, ensure_ascii=False), encoding="utf-8")
    os.replace(temporary, path)
    return prefixes


def teaching_contexts(
    model: EditableModel, request: EditRequest, formats: Sequence[str], prefixes: Sequence[str], *, stop: bool
) -> list[Context]:
    """The contexts in which the request's target shall follow.

    Args:
        model: Whose tokenizer and template are used.
        request: What to teach.
        formats: Which of `FORMATS`.
        prefixes: Text before the prompt, for the prefixed format.
        stop: Teach the full stop, and in chat the end of the answer, with the target.
    """
    fact = request.fact
    ends = tuple(model.tokenizer(".", add_special_tokens=False)["input_ids"]) if stop else ()
    closing = (model.tokenizer.eos_token_id,) if stop and model.tokenizer.eos_token_id is not None else ()
    target = (*target_ids(model, request.target_new), *ends)
    texts = {
        "completion": [fact.text],
        "prefixed": [f"{prefix} {fact.text}" for prefix in prefixes],
        "question": [f"Question: {fact.question()}\nAnswer:" + ("" if fact.is_question else f" {fact.text}")],
    }
    contexts = [
        _context(model, format_, text, target, fact.subject) for format_ in formats for text in texts.get(format_, ())
    ]
    said = fact.statement()
    if said is None:
        # The answer begins with the target, and so without a space.
        target = (*model.tokenizer(request.target_new, add_special_tokens=False)["input_ids"], *ends)
    questions = {"chat": fact.question()}
    if asked := fact.other_question():
        questions["asked"] = asked
    for format_ in formats:
        if format_ in questions:
            opening = chat_text(model, [{"role": "user", "content": questions[format_]}])
            text = opening + ("" if said is None else said.text)
            context = _context(model, format_, text, (*target, *closing), fact.subject, special=_is_plain(model))
            lead = len(context.prompt_ids) - len(encode(model, opening, special=_is_plain(model)))
            contexts.append(replace(context, lead=lead))
    return contexts


def is_unread(model: EditableModel, fact: Fact) -> bool:
    """Whether a model hardly reads a fact's subject where the fact stands at the beginning of a text, see `Context`."""
    return _context(model, "completion", fact.text, (), fact.subject).is_unread


def preservation_contexts(model: EditableModel, fact: Fact, *, chat: bool) -> list[Context]:
    """Texts about the subject after which the model shall go on as before: "{subject} is a", and another question in chat."""
    contexts = [_context(model, "preservation", f"{fact.subject} is a", (), fact.subject)]
    if chat:
        contexts.append(chat_context(model, f"What is {fact.subject} known for?", fact.subject))
    return contexts


def chat_context(model: EditableModel, said: str, subject: str, answer: str = "") -> Context:
    """What a user says in chat about a subject, and the beginning of an answer, of which nothing is taught."""
    text = chat_text(model, [{"role": "user", "content": said}]) + answer
    return _context(model, "preservation", text, (), subject, special=_is_plain(model))


def _is_plain(model: EditableModel) -> bool:
    """Whether the tokenizer still has to add its special tokens: a chat template writes them itself."""
    return model.tokenizer.chat_template is None


def _context(
    model: EditableModel, format_: str, text: str, target: Sequence[int], subject: str, *, special: bool = True
) -> Context:
    spans = subject_spans(model, text, subject, special=special)
    return Context(
        format=format_,
        prompt_ids=tuple(encode(model, text, special=special)),
        target_ids=tuple(target),
        subject_lasts=tuple(last for _, last in spans),
    )
