"""Conversations in SQLite: messages, what each revision answered, and full-text search.

Every change is one transaction that is on disk when its method returns, so a killed server loses no finished message. What was
being answered when it died is marked as failed at the next start.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from emendo.errors import DataUnavailable
from emendo.serve.migrations import MIGRATIONS, migrate
from emendo.serve.problems import Problem
from emendo.serve.records import as_answer, as_headline, as_message, new_id, packed
from emendo.serve.shapes import Conversation, Headline, Message, Settings, StoredAnswer

MOST_MESSAGES = 5000
_TITLE = 60
_INTERRUPTED = "The server ended before the answer did; ask again."


class Store:
    """The conversations of one server.

    Args:
        path: The database; it is made if it is not there.

    Raises:
        DataUnavailable: It was written by a newer version.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.row_factory = sqlite3.Row
        try:
            self._prepare(path)
        except BaseException:
            self._database.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._database.close()

    def conversations(self, query: str | None = None, limit: int = 50, before: str | None = None) -> list[Headline]:
        """Conversations, the newest first; with a query those in which its words occur."""
        latest = before or "9999"
        if query is None or not query.split():
            rows = self._all(
                "SELECT *, NULL AS snippet FROM conversations WHERE updated < ? ORDER BY updated DESC LIMIT ?", latest, limit
            )
        else:
            words = " ".join('"' + word.replace('"', '""') + '"*' for word in query.replace("\0", " ").split())
            # The snippet needs the match itself beneath it. Of a conversation's matches the newest is shown: where one column is
            # a maximum, SQLite takes the others from the same row.
            rows = self._all(
                "WITH found AS MATERIALIZED (SELECT rowid AS at, conversation,"
                " snippet(said, 0, char(1), char(2), '…', 12) AS snippet FROM said WHERE said MATCH ?) "
                "SELECT conversations.*, found.snippet, max(found.at) FROM found"
                " JOIN conversations ON conversations.id = found.conversation WHERE updated < ?"
                " GROUP BY conversations.id ORDER BY updated DESC LIMIT ?",
                words,
                latest,
                limit,
            )
        return [as_headline(row) for row in rows]

    def create(self, model: str, system: str | None, settings: Settings) -> Conversation:
        """A new conversation."""
        id, time = new_id(), _now()
        with self._changing() as database:
            database.execute(
                "INSERT INTO conversations VALUES (?, ?, ?, ?, ?, ?, ?)",
                (id, "", model, system, packed(settings), time, time),
            )
        return self.conversation(id)

    def conversation(self, id: str, *, has_tokens: bool = True) -> Conversation:
        """The conversation of that id, with all its messages.

        Args:
            id: Its id.
            has_tokens: Read the tokens of the answers too, which are most of what is stored.

        Raises:
            Problem: There is none.
        """
        with self._lock:
            row = self._one("SELECT * FROM conversations WHERE id = ?", id, kind="conversation")
            messages = self._all("SELECT * FROM messages WHERE conversation = ? ORDER BY number", id)
            answers: dict[str, list[StoredAnswer]] = {}
            for answer in self._all(
                "SELECT answers.* FROM answers JOIN messages ON messages.id = answers.message"
                " WHERE messages.conversation = ? ORDER BY answers.number",
                id,
            ):
                answers.setdefault(answer["message"], []).append(as_answer(answer, has_tokens=has_tokens))
        return Conversation(
            **{name: row[name] for name in ("id", "title", "model", "created", "updated", "system")},
            settings=Settings.model_validate_json(row["settings"]),
            messages=[as_message(message, answers.get(message["id"], [])) for message in messages],
        )

    def change(self, id: str, **changes: Any) -> Conversation:
        """The conversation with another title, system prompt, settings or model."""
        with self._changing() as database:
            self._one("SELECT id FROM conversations WHERE id = ?", id, kind="conversation")
            for field, value in changes.items():
                assert field in ("title", "system", "settings", "model")
                stored = packed(value) if isinstance(value, Settings) else value
                database.execute(f"UPDATE conversations SET {field} = ? WHERE id = ?", (stored, id))  # noqa: S608 - known names
            database.execute("UPDATE conversations SET updated = ? WHERE id = ?", (_now(), id))
        return self.conversation(id, has_tokens=False)

    def delete(self, id: str) -> None:
        """Delete a conversation for good."""
        with self._changing() as database:
            self._one("SELECT id FROM conversations WHERE id = ?", id, kind="conversation")
            database.execute("DELETE FROM conversations WHERE id = ?", (id,))

    def message(self, id: str) -> tuple[Message, str]:
        """The message of that id, and the conversation that it belongs to.

        Raises:
            Problem: There is none.
        """
        with self._lock:
            row = self._one("SELECT * FROM messages WHERE id = ?", id, kind="message")
            answers = self._all("SELECT * FROM answers WHERE message = ? ORDER BY number", id)
        return as_message(row, [as_answer(answer) for answer in answers]), row["conversation"]

    def say(self, conversation: str, parent: str | None, content: str) -> Message:
        """What the user says after a message, or at the beginning.

        Raises:
            Problem: The parent is none of an assistant in that conversation, or the conversation is full.
        """
        with self._changing() as database:
            self._one("SELECT id FROM conversations WHERE id = ?", conversation, kind="conversation")
            (count,) = database.execute("SELECT count(*) FROM messages WHERE conversation = ?", (conversation,)).fetchone()
            if count >= MOST_MESSAGES:
                raise Problem(409, f"The conversation has {count} messages, which is all that fit; begin another.")
            if parent is not None:
                before = self._one("SELECT role, conversation FROM messages WHERE id = ?", parent, kind="message")
                if before["role"] != "assistant" or before["conversation"] != conversation:
                    raise Problem(400, "A message follows an assistant's of the same conversation, or none.", param="parent")
            title = " ".join(content.split())
            database.execute(
                "UPDATE conversations SET title = CASE title WHEN '' THEN ? ELSE title END, updated = ? WHERE id = ?",
                (title if len(title) <= _TITLE else title[: _TITLE - 1] + "…", _now(), conversation),
            )
            return self._insert(database, conversation, parent, "user", content)

    def unsay(self, message: str) -> None:
        """Take back a user's message that could not be answered."""
        with self._changing() as database:
            row = self._one("SELECT conversation, content FROM messages WHERE id = ?", message, kind="message")
            database.execute(
                "DELETE FROM said WHERE rowid = (SELECT max(rowid) FROM said WHERE conversation = ? AND text = ?)",
                tuple(row),
            )
            database.execute("DELETE FROM messages WHERE id = ?", (message,))

    def begin(self, user: str, answers: Sequence[StoredAnswer]) -> Message:
        """A further version of what an assistant says after a user's message; its answers are to come."""
        with self._changing() as database:
            row = self._one("SELECT * FROM messages WHERE id = ?", user, kind="message")
            if row["role"] != "user":
                raise Problem(400, "Only what a user said is answered; name the user's message.", param="message")
            message = self._insert(database, row["conversation"], user, "assistant", "")
            for answer in answers:
                database.execute(
                    "INSERT INTO answers (id, message, revision_name, revision, content, state, tokens, seed, settings)"
                    " VALUES (?, ?, ?, ?, '', ?, '[]', ?, ?)",
                    (
                        answer.id,
                        message.id,
                        answer.revision_name,
                        answer.revision,
                        answer.state,
                        answer.seed,
                        packed(answer.settings),
                    ),
                )
            database.execute("UPDATE conversations SET updated = ? WHERE id = ?", (_now(), row["conversation"]))
        return self.message(message.id)[0]

    def set_running(self, answer: str) -> None:
        """An answer begins."""
        with self._changing() as database:
            database.execute("UPDATE answers SET state = 'running' WHERE id = ?", (answer,))

    def finish(self, answer: StoredAnswer) -> None:
        """What an answer came to."""
        tokens = json.dumps([token.model_dump() for token in answer.tokens], ensure_ascii=False, separators=(",", ":"))
        with self._changing() as database:
            database.execute(
                "UPDATE answers SET content = ?, state = ?, finish_reason = ?, error = ?, tokens = ?, seconds = ?,"
                " seconds_to_first_token = ? WHERE id = ?",
                (
                    answer.content,
                    answer.state,
                    answer.finish_reason,
                    answer.error,
                    tokens,
                    answer.seconds,
                    answer.seconds_to_first_token,
                    answer.id,
                ),
            )

    def compare(self, message: str, divergence: Sequence[float], first_difference: int | None) -> None:
        """How the two answers of a message compare."""
        with self._changing() as database:
            database.execute(
                "UPDATE messages SET divergence = ?, first_difference = ? WHERE id = ?",
                (json.dumps(list(divergence)), first_difference, message),
            )

    def _prepare(self, path: Path) -> None:
        """Bring the layout up to date, and say of what was being answered that it never will be."""
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "busy_timeout = 10000"):
            self._database.execute(f"PRAGMA {pragma}")
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        if version > len(MIGRATIONS):
            raise DataUnavailable(
                f"The database '{path}' was written by a newer Emendo; use that, or name another file with --database."
            )
        migrate(self._database)
        with self._changing() as database:
            database.execute(
                "UPDATE answers SET state = 'failed', error = ? WHERE state IN ('queued', 'running')", (_INTERRUPTED,)
            )

    def _insert(
        self,
        database: sqlite3.Connection,
        conversation: str,
        parent: str | None,
        role: Literal["user", "assistant"],
        content: str,
    ) -> Message:
        id, time = new_id(), _now()
        database.execute(
            "INSERT INTO messages (id, conversation, parent, role, content, created) VALUES (?, ?, ?, ?, ?, ?)",
            (id, conversation, parent, role, content, time),
        )
        return Message(id=id, parent=parent, role=role, content=content, created=time)

    def _all(self, statement: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock:
            return self._database.execute(statement, values).fetchall()

    def _one(self, statement: str, id: str, *, kind: str) -> sqlite3.Row:
        with self._lock:
            row: sqlite3.Row | None = self._database.execute(statement, (id,)).fetchone()
        if row is None:
            raise Problem(404, f"There is no {kind} '{id}'.", code=f"{kind}_not_found")
        return row

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """One transaction."""
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
