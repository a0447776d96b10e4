"""The vectors of an index's passages, kept beside them: made when a passage is first a candidate, and gone with it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from emendo.verify.embedding import Embedder

TABLE = "CREATE TABLE vectors (passage INTEGER, model TEXT, vector BLOB, PRIMARY KEY (passage, model)) WITHOUT ROWID;"


def vectors_of(
    index: sqlite3.Connection, passages: Sequence[tuple[int, str]], embedder: Embedder
) -> tuple[NDArray[np.float32], set[int]]:
    """The vectors of some passages, each given by its row and words; and the rows whose vectors were not kept yet."""
    marks = ",".join("?" * len(passages))
    rows = index.execute(
        f"SELECT passage, vector FROM vectors WHERE model = ? AND passage IN ({marks})",  # noqa: S608 - question marks alone
        (embedder.name, *(row for row, _ in passages)),
    )
    kept = {row: np.frombuffer(held, dtype=np.float16).astype(np.float32) for row, held in rows}
    found = [kept[row] if row in kept else embedder.embed(words) for row, words in passages]
    return np.stack(found), {row for row, _ in passages if row not in kept}


def keep(index: sqlite3.Connection, made: Iterable[tuple[int, str, NDArray[np.float32]]], embedder: Embedder) -> None:
    """Keep vectors, each given with its passage's row and words; whoever calls this commits.

    A row whose words are others by now is passed over.

    Raises:
        sqlite3.Error: The index cannot be written.
    """
    rows = [(row, embedder.name, vector.astype(np.float16).tobytes(), row, words) for row, words, vector in made]
    index.executemany(
        "INSERT OR REPLACE INTO vectors SELECT ?, ?, ? WHERE EXISTS (SELECT 1 FROM passages WHERE rowid = ? AND words = ?)",
        rows,
    )
