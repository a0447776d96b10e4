"""Rows of the database as shapes of the API."""

from __future__ import annotations

import json
import secrets
import sqlite3
from typing import Any

from emendo.serve.shapes import Headline, Message, Settings, StoredAnswer, TokenShape


def new_answer(revision_name: str, revision: str, seed: int, settings: Settings) -> StoredAnswer:
    """An answer that is to come."""
    return StoredAnswer(
        id=new_id(),
        revision_name=revision_name,
        revision=revision,
        content="",
        state="queued",
        finish_reason=None,
        error=None,
        tokens=[],
        seconds=None,
        seconds_to_first_token=None,
        seed=seed,
        settings=settings,
    )


def as_headline(row: sqlite3.Row) -> Headline:
    """A row of a list of conversations."""
    return Headline(**{name: row[name] for name in ("id", "title", "model", "created", "updated", "snippet")})


def as_message(row: sqlite3.Row, answers: list[StoredAnswer]) -> Message:
    """A row of messages, with its answers."""
    return Message(
        **{name: row[name] for name in ("id", "parent", "role", "content", "created", "first_difference")},
        divergence=None if row["divergence"] is None else json.loads(row["divergence"]),
        answers=answers,
    )


def as_answer(row: sqlite3.Row, *, has_tokens: bool = True) -> StoredAnswer:
    """A row of answers."""
    names = ("id", "revision_name", "revision", "content", "state", "finish_reason", "error", "seed")
    return StoredAnswer(
        **{name: row[name] for name in (*names, "seconds", "seconds_to_first_token")},
        tokens=[_token(token) for token in json.loads(row["tokens"])] if has_tokens else [],
        settings=Settings.model_validate_json(row["settings"]),
    )


def _token(stored: dict[str, Any]) -> TokenShape:
    """A stored token, trusted to be what was written: checking thousands would take longer than reading them."""
    return TokenShape.model_construct(**{**stored, "top": [tuple(pair) for pair in stored["top"]]})


def packed(settings: Settings) -> str:
    """Settings as they are stored."""
    return settings.model_dump_json(exclude_none=True)


def new_id() -> str:
    """Names a conversation, message or answer."""
    return secrets.token_hex(8)
