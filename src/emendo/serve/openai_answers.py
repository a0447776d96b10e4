"""Answers in the shapes of OpenAI's API, whole and in chunks.

A stream of chat is: the role, pieces of content, the reason why it ended, what was used if that was asked for (with no choices),
and `[DONE]`; id and time are the same throughout.
"""

from __future__ import annotations

import json
import math
import secrets
import time
from collections.abc import Sequence
from typing import Any

from emendo.models import EditableModel, Token
from emendo.serve.question import Answer

DONE = "data: [DONE]\n\n"


class Shape:
    """What all parts of one answer have in common.

    Args:
        kind: "chat.completion" or "text_completion".
        prefix: Of the id.
        model: The id that was asked for, which is echoed.
        fingerprint: Says which revision answers.
        tokenizer_of: Who turns tokens into texts.
    """

    def __init__(self, kind: str, prefix: str, model: str, fingerprint: str, tokenizer_of: EditableModel) -> None:
        self.kind, self.model, self.fingerprint = kind, model, fingerprint
        self.id, self.created = f"{prefix}-{secrets.token_hex(12)}", int(time.time())
        self._tokenizer = tokenizer_of.tokenizer

    def whole(self, choices: Sequence[dict[str, Any]], answers: Sequence[Answer], prompts: int) -> dict[str, Any]:
        """The body of an answer that is not streamed."""
        return {**self._head(self.kind), "choices": list(choices), "usage": usage(answers, prompts)}

    def chunk(self, choice: dict[str, Any] | None, *, has_usage: bool, used: dict[str, Any] | None = None) -> str:
        """One part of a stream."""
        kind = f"{self.kind}.chunk" if self.kind == "chat.completion" else self.kind
        value = {**self._head(kind), "choices": [] if choice is None else [choice]}
        if has_usage:
            value["usage"] = used
        return data(value)

    def chat_logprobs(self, tokens: Sequence[Token]) -> dict[str, Any]:
        """Log-probabilities as the chat endpoint tells them."""
        return {
            "content": [
                {
                    **self._scored(token.id, token.logprob),
                    "top_logprobs": [self._scored(id, logprob) for id, logprob in token.top],
                }
                for token in tokens
            ],
            "refusal": None,
        }

    def text_logprobs(self, tokens: Sequence[Token], offset: int = 0) -> dict[str, Any]:
        """Log-probabilities as the completions endpoint tells them; a prompt's first token has none."""
        tops: list[dict[str, float] | None] = []
        offsets = []
        for token in tokens:
            top: dict[str, float] = {}
            # Tokens that are parts of characters may read alike; the likeliest comes first.
            for id, logprob in token.top:
                top.setdefault(self._tokenizer.decode([id]), _finite(logprob))
            tops.append(None if math.isnan(token.logprob) else top)
            offsets.append(offset + token.start)
        return {
            "tokens": [self._tokenizer.decode([token.id]) for token in tokens],
            "token_logprobs": [None if math.isnan(token.logprob) else _finite(token.logprob) for token in tokens],
            "top_logprobs": tops,
            "text_offset": offsets,
        }

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": self.fingerprint,
        }

    def _scored(self, id: int, logprob: float) -> dict[str, Any]:
        text = self._tokenizer.decode([id])
        # A token that is a part of a character has no text of its own.
        is_whole = "\ufffd" not in text
        return {"token": text, "logprob": _finite(logprob), "bytes": list(text.encode()) if is_whole else None}


def usage(answers: Sequence[Answer], prompts: int) -> dict[str, int]:
    """How many tokens were read and said; a prompt counts once, however many answers it has.

    Args:
        answers: In the order of the prompts, all answers to one prompt side by side.
        prompts: How many prompts there are.
    """
    each = len(answers) // prompts
    read = sum(answer.prompt_tokens for answer in answers[::each])
    said = sum(answer.completion_tokens for answer in answers)
    return {"prompt_tokens": read, "completion_tokens": said, "total_tokens": read + said}


def data(value: Any) -> str:
    """One event of a stream."""
    return f"data: {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}\n\n"


def finish_reason(answer: Answer) -> str:
    """Why an answer ended, in the API's words."""
    return "length" if answer.finish == "length" else "stop"


def _finite(logprob: float) -> float:
    """JSON knows no infinity."""
    return max(logprob, -9999.0)
