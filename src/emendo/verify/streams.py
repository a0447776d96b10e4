"""Server-sent events as an OpenAI-compatible server writes them: cut into events byte for byte, their text collected."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_DATA = re.compile(rb"^data:[ ]?(.*)$", re.MULTILINE)
DONE = b"[DONE]"


async def events_of(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The events of a stream, each with the blank line that ends it; joined they are the stream."""
    held = b""
    async for piece in stream:
        held += piece
        while (end := _END.search(held)) is not None:
            yield held[: end.end()]
            held = held[end.end() :]
    if held:
        yield held


def data_of(event: bytes) -> bytes:
    """The data of an event; empty where it has none."""
    return b"\n".join(line.rstrip(b"\r") for line in _DATA.findall(event)).strip()


def event(data: Any, name: str | None = None) -> bytes:
    """An event with JSON as its data."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()


class Collected:
    """What a streamed answer says, choice by choice.

    Attributes:
        texts: The text of each choice.
        is_finished: Whether any choice said why it ended.
        first: Id, model and creation time of the answer, for the chunks that are added.
    """

    def __init__(self) -> None:
        self.texts: dict[int, str] = defaultdict(str)
        self.is_finished = False
        self.first: dict[str, Any] = {}

    def add(self, data: bytes) -> None:
        """Take in the data of an event; what is no chunk of an answer is passed over."""
        try:
            chunk = json.loads(data)
            choices = [(int(choice.get("index", 0)), choice) for choice in chunk.get("choices", [])]
        except (ValueError, AttributeError, TypeError):
            return
        self.first = self.first or {name: chunk[name] for name in ("id", "model", "created") if name in chunk}
        for index, choice in choices:
            delta = choice.get("delta")
            text = delta.get("content") if isinstance(delta, dict) else choice.get("text")
            self.texts[index] += text if isinstance(text, str) else ""
            self.is_finished = self.is_finished or choice.get("finish_reason") is not None
