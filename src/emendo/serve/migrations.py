"""The database's layout, as the steps that lead to it; a step that was released is never changed, another is added after it."""

from __future__ import annotations

import sqlite3

MIGRATIONS = (
    """
    CREATE TABLE conversations (
        id TEXT PRIMARY KEY, title TEXT NOT NULL, model TEXT NOT NULL, system TEXT, settings TEXT NOT NULL,
        created TEXT NOT NULL, updated TEXT NOT NULL
    ) STRICT;
    CREATE INDEX conversations_by_time ON conversations (updated DESC);
    CREATE TABLE messages (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
        conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
        parent TEXT REFERENCES messages (id) ON DELETE CASCADE, role TEXT NOT NULL, content TEXT NOT NULL,
        created TEXT NOT NULL, divergence TEXT, first_difference INTEGER
    ) STRICT;
    CREATE INDEX messages_of_conversation ON messages (conversation, number);
    CREATE INDEX messages_of_parent ON messages (parent);
    CREATE TABLE answers (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
        message TEXT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
        revision_name TEXT NOT NULL, revision TEXT NOT NULL, content TEXT NOT NULL, state TEXT NOT NULL,
        finish_reason TEXT, error TEXT, tokens TEXT NOT NULL, seconds REAL, seconds_to_first_token REAL,
        seed INTEGER NOT NULL, settings TEXT NOT NULL
    ) STRICT;
    CREATE INDEX answers_of_message ON answers (message, number);
    CREATE VIRTUAL TABLE said USING fts5 (text, conversation UNINDEXED, tokenize = 'unicode61 remove_diacritics 2');
    CREATE TRIGGER said_by_user AFTER INSERT ON messages WHEN new.role = 'user' BEGIN
        INSERT INTO said (text, conversation) VALUES (new.content, new.conversation);
    END;
    CREATE TRIGGER said_by_model AFTER UPDATE OF content ON answers WHEN new.content <> '' BEGIN
        INSERT INTO said (text, conversation)
        SELECT new.content, conversation FROM messages WHERE messages.id = new.message;
    END;
    CREATE TRIGGER unsaid AFTER DELETE ON conversations BEGIN
        DELETE FROM said WHERE conversation = old.id;
    END;
    """,
)


def migrate(database: sqlite3.Connection) -> None:
    """Bring a database to the newest layout, each step whole or not at all."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        try:
            database.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;")
        except sqlite3.Error:
            database.rollback()
            raise
