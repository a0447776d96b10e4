"""A folder of Markdown, text, HTML and PDF, searched by BM25 (Robertson and Zaragoza 2009) in SQLite's FTS5.

The index stands in the data folder, one a folder. Before a search what changed is read again: files are known by their size and
time, and those that are gone are taken out. A damaged index is made anew. Files that cannot be read are told in the log, and the
others are searched. Where embeddings are installed, the candidates that BM25 gives are put in order by their sense as well.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from emendo.errors import DataUnavailable, SourceFailed
from emendo.home import default_home
from emendo.verify import vectors
from emendo.verify.claims import Claim
from emendo.verify.documents import READERS, read_document
from emendo.verify.embedding import Embedder, find_embedder, ranked_by
from emendo.verify.evidence import Passage
from emendo.verify.ranking import MOST_CANDIDATES, content_words, fused

_FORMAT = 2
_TABLES = f"""
    CREATE TABLE files (path TEXT PRIMARY KEY, size INTEGER, changed INTEGER);
    CREATE VIRTUAL TABLE passages USING fts5 (words, path UNINDEXED, page UNINDEXED, line UNINDEXED,
        tokenize = "unicode61 remove_diacritics 2");
    {vectors.TABLE}
    PRAGMA user_version = {_FORMAT};
"""
_log = logging.getLogger("emendo.verify")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which folder.

    Attributes:
        path: The folder, or a single file.
        home: Where the index is kept; the data folder unless given.
        embedder: Orders paragraphs by their sense; words alone where there is none.
    """

    path: Path = field(default_factory=Path)
    home: Path = field(default_factory=default_home)
    embedder: Embedder | None = field(default_factory=find_embedder)

    @classmethod
    def of(cls, argument: str) -> Config:
        """From what follows "folder:" on the command line.

        Raises:
            DataUnavailable: There is no such folder.
        """
        path = Path(argument).expanduser()
        if not argument or not path.exists():
            raise DataUnavailable(f"There is no folder '{argument}' to search; name one as in 'folder:./docs'.")
        return cls(path=path)

    @property
    def index(self) -> Path:
        """The file of the index."""
        name = hashlib.sha256(str(self.path.resolve()).encode()).hexdigest()[:16]
        return self.home / "verify" / "folders" / f"{name}.sqlite"


def version(config: Config) -> str:
    """A digest of which files there are, of what size and time, and what orders their paragraphs."""
    told = "\n".join(f"{path} {size} {changed}" for path, size, changed in sorted(_files(config)))
    return f"{hashlib.sha256(told.encode()).hexdigest()[:12]}, {ranked_by(config.embedder)}"


def search(claim: Claim, limit: int, config: Config) -> list[Passage]:
    """The paragraphs that match a claim best, the best first.

    Raises:
        SourceFailed: The index can neither be read nor made, or another program holds it.
    """
    query = _query(claim.text)
    if not query:
        return []
    try:
        update(config)
        return _search(claim, query, limit, config)
    except sqlite3.DatabaseError as damage:
        if getattr(damage, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
            raise SourceFailed(
                f"The index {config.index} is held by another program; ask again when that is done."
            ) from damage
        # What is in the index can be read again from the files.
        config.index.unlink(missing_ok=True)
        try:
            update(config)
            return _search(claim, query, limit, config)
        except (sqlite3.Error, OSError) as error:
            raise SourceFailed(f"The index {config.index} can neither be read ({damage}) nor made ({error}).") from error
    except OSError as error:
        raise SourceFailed(
            f"The index {config.index} cannot be written ({error}); make room or name another home."
        ) from error


def update(config: Config) -> int:
    """Bring the index up to date; the number of files that were read.

    Raises:
        OSError: It cannot be written.
        sqlite3.Error: It is damaged.
    """
    config.index.parent.mkdir(parents=True, exist_ok=True)
    read = 0
    with FileLock(f"{config.index}.lock"), closing(sqlite3.connect(config.index)) as index:
        if index.execute("PRAGMA user_version").fetchone()[0] != _FORMAT:
            index.executescript(
                "DROP TABLE IF EXISTS files; DROP TABLE IF EXISTS passages;DROP TABLE IF EXISTS vectors;" + _TABLES
            )
        known = {path: (size, changed) for path, size, changed in index.execute("SELECT path, size, changed FROM files")}
        present = {path: (size, changed) for path, size, changed in _files(config)}
        for path in [path for path in known if present.get(path) != known[path]]:
            index.execute("DELETE FROM vectors WHERE passage IN (SELECT rowid FROM passages WHERE path = ?)", (path,))
            index.execute("DELETE FROM passages WHERE path = ?", (path,))
            index.execute("DELETE FROM files WHERE path = ?", (path,))
        for path in sorted(path for path in present if known.get(path) != present[path]):
            try:
                paragraphs = read_document(_root(config) / path)
            except (SourceFailed, OSError) as error:
                _log.warning("%s is left out: %s", path, error)
                paragraphs = []
            rows = [(paragraph.text, path, paragraph.page, paragraph.line) for paragraph in paragraphs]
            index.executemany("INSERT INTO passages (words, path, page, line) VALUES (?, ?, ?, ?)", rows)
            index.execute("INSERT INTO files VALUES (?, ?, ?)", (path, *present[path]))
            read += 1
        index.commit()
    return read


def _search(claim: Claim, query: str, limit: int, config: Config) -> list[Passage]:
    with closing(sqlite3.connect(config.index)) as index:
        rows = index.execute(
            "SELECT passages.rowid, passages.words, passages.path, passages.page, passages.line, files.changed FROM passages "
            "JOIN files ON files.path = passages.path WHERE passages MATCH ? ORDER BY bm25(passages), passages.rowid LIMIT ?",
            (query, max(limit, MOST_CANDIDATES) if config.embedder else limit),
        ).fetchall()
        if config.embedder and rows:
            order = _by_sense(index, [(row[0], row[1]) for row in rows], claim, config, config.embedder)
            rows = [rows[at] for at in order[:limit]]
    return [
        Passage(
            source="folder",
            origin=path,
            locator=f"{path}, {f'page {page}, ' if page is not None else ''}line {line}",
            text=words,
            date=datetime.fromtimestamp(changed / 1e9, UTC).date().isoformat(),
        )
        for _, words, path, page, line, changed in rows
    ]


def _by_sense(
    index: sqlite3.Connection, candidates: list[tuple[int, str]], claim: Claim, config: Config, embedder: Embedder
) -> list[int]:
    """The order of the candidates by words and by sense; vectors that are new are kept if they can be."""
    found, new = vectors.vectors_of(index, candidates, embedder)
    if new:
        made = [(row, words, vector) for (row, words), vector in zip(candidates, found, strict=True) if row in new]
        try:
            with FileLock(f"{config.index}.lock"), index:
                vectors.keep(index, made, embedder)
        except (sqlite3.Error, OSError) as error:
            _log.warning("The vectors of %s are not kept (%s).", config.path, error)
    return fused(found, embedder.embed(claim.text))


def _query(text: str) -> str:
    """The words of a claim, any of which may match; quoted, so that none of them is an operator."""
    return " OR ".join(f'"{word}"' for word in content_words(text))


def _root(config: Config) -> Path:
    return config.path.parent if config.path.is_file() else config.path


def _files(config: Config) -> Iterator[tuple[str, int, int]]:
    """Every readable file with its size and time; links that lead out of the folder are not followed."""
    root = _root(config).resolve()
    paths = [config.path] if config.path.is_file() else sorted(config.path.rglob("*"))
    for path in paths:
        if path.suffix.lower() not in READERS or not path.is_file() or not path.resolve().is_relative_to(root):
            continue
        if any(part.startswith(".") for part in path.resolve().relative_to(root).parts):
            continue
        told = path.stat()
        yield str(path.resolve().relative_to(root)), told.st_size, told.st_mtime_ns
