"""Text for second moments, without any download.

    sampled   what the model itself says of the listed subjects (`subjects`), prose and chat, drawn with a fixed seed
    python    the English of Python's own documentation
    a file    any text that the user has

Which one is the default, and why, is in docs/design/0002-second-moment-corpus.md.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from emendo.edit.subjects import subjects
from emendo.errors import DataUnavailable
from emendo.models import EditableModel, chat_text, encode, generate, matrix_units

_OPENERS = ("{} is", "{} was", "In {},", "{} (", "{}")
# Neighbours of the list are of one kind; steps of this length meet all kinds early.
_STRIDE = 101
_ROWS, _ROW_TOKENS = 64, 64


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """Tokens of a text.

    Attributes:
        name: What it is called in provenance.
        ids: Token ids, documents one after another.
    """

    name: str
    ids: tuple[int, ...]

    def digest(self, tokens: int) -> str:
        """SHA-256 over the first `tokens` token ids."""
        return hashlib.sha256(json.dumps(self.ids[:tokens]).encode()).hexdigest()


def sampled_corpus(
    model: EditableModel,
    tokens: int,
    *,
    seed: int = 0,
    home: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Corpus:
    """What the model says at temperature 1 of the listed subjects, prose and chat in equal shares.

    Args:
        model: At its original revision.
        tokens: At least this many tokens.
        seed: Of the sampling.
        home: Where the sample is kept; it is drawn afresh unless given.
        progress: Called with tokens done and tokens in all.
    """
    key = hashlib.sha256(f"{model.digest} {seed} {tokens} subjects".encode()).hexdigest()[:24]
    path = None if home is None else home / "corpora" / f"{key}.json"
    if path is not None and path.is_file():
        return Corpus(name="sampled", ids=tuple(json.loads(path.read_text(encoding="utf-8"))))
    ids: list[int] = []
    length = min(_ROW_TOKENS, model.context_length // 2)
    while len(ids) < tokens:
        prompts = [_opening(model, seed + len(ids) + row) for row in range(min(_ROWS, (tokens - len(ids)) // 64 + 1))]
        with matrix_units(model):
            said = generate(model, prompts, max_new_tokens=length, temperature=1.0, seed=seed + len(ids))
        for prompt, answer in zip(prompts, said, strict=True):
            ids += [*prompt, *answer.token_ids]
        if progress is not None:
            progress(min(len(ids), tokens), tokens)
    corpus = Corpus(name="sampled", ids=tuple(ids[:tokens]))
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(corpus.ids), encoding="utf-8")
        os.replace(temporary, path)
    return corpus


def python_corpus(model: EditableModel) -> Corpus:
    """The language reference that ships with Python as the topics of `help()`."""
    topics: dict[str, str] = importlib.import_module("pydoc_data.topics").topics
    return Corpus(name="python", ids=_tokens(model, "\n\n".join(topics[name] for name in sorted(topics))))


def file_corpus(model: EditableModel, path: Path) -> Corpus:
    """The text of a file.

    Raises:
        DataUnavailable: There is no such file.
    """
    if not path.is_file():
        raise DataUnavailable(f"There is no text file '{path}'; give the path of one, or 'sampled' or 'python'.")
    return Corpus(name=path.name, ids=_tokens(model, path.read_text(encoding="utf-8")))


def _tokens(model: EditableModel, text: str) -> tuple[int, ...]:
    return tuple(model.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


def _opening(model: EditableModel, number: int) -> list[int]:
    listed = subjects()
    subject, about = listed[number * _STRIDE % len(listed)], number // 2
    if number % 2:
        text = chat_text(model, [{"role": "user", "content": f"Tell me about {subject}."}])
        return encode(model, text, special=False)
    return encode(model, _OPENERS[about % len(_OPENERS)].format(subject))
