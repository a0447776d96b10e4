"""Wikipedia and other archives of Kiwix without a network, by libzim with the archive's own full-text index.

    emendo verify "…" --source zim:wikipedia_en_all_nopic.zim

A passage is cited by the archive's file, the article and its paragraph. Archives of one maker are one voice. libzim is under the
GPL and is installed only where it is asked for: pip install 'emendo[zim]'.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emendo.errors import DataUnavailable, MissingPackage, SourceFailed
from emendo.verify.articles import MOST_ARTICLES, Article, passages_of, queries_of
from emendo.verify.claims import Claim
from emendo.verify.embedding import Embedder, find_embedder, ranked_by
from emendo.verify.evidence import Passage

_MOST_BYTES = 10_000_000


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which archive.

    Attributes:
        path: The .zim file.
        embedder: Orders paragraphs by their sense; words alone where there is none.
    """

    path: Path = field(default_factory=Path)
    embedder: Embedder | None = field(default_factory=find_embedder)

    @classmethod
    def of(cls, argument: str) -> Config:
        """From what follows "zim:" on the command line.

        Raises:
            DataUnavailable: There is no such file.
            MissingPackage: libzim is not installed.
        """
        path = Path(argument).expanduser()
        if not argument or not path.is_file():
            raise DataUnavailable(f"There is no archive '{argument}'; name a .zim file as in 'zim:wikipedia_en_all.zim'.")
        _library()
        return cls(path=path)


def version(config: Config) -> str:
    """The archive's file and its identity, and what orders its paragraphs."""
    return f"{config.path.name} {_opened(config).uuid}, {ranked_by(config.embedder)}"


def search(claim: Claim, limit: int, config: Config) -> list[Passage]:
    """The best paragraphs of the articles found for a claim.

    Raises:
        MissingPackage: libzim is not installed.
        SourceFailed: The archive cannot be read, or has no full-text index.
    """
    archive = _opened(config)
    if not archive.has_fulltext_index:
        raise SourceFailed(f"{config.path.name} has no full-text index; take an edition that has one.")
    try:
        return passages_of(list(_articles(archive, queries_of(claim), config)), "zim", claim, limit, config.embedder)
    except (RuntimeError, KeyError) as error:
        raise SourceFailed(f"{config.path.name} cannot be searched ({error}); check the file, or fetch it anew.") from error


def _articles(archive: Any, queries: list[str], config: Config) -> Iterator[Article]:
    """The articles that are called what is asked for, and those that hold the words, each once."""
    name, date = config.path.name, _metadata(archive, "Date")
    origin = _metadata(archive, "Creator") or _metadata(archive, "Title") or name
    licence = _metadata(archive, "License")
    seen: set[str] = set()
    for query in queries:
        for path in _found(archive, query):
            item = archive.get_entry_by_path(path).get_item()
            if item.path in seen or not item.mimetype.startswith("text/html") or item.size > _MOST_BYTES:
                continue
            seen.add(item.path)
            page = bytes(item.content).decode("utf-8", "replace")
            locator = f"{name}, {item.title} ({item.path})"
            yield Article(page=page, origin=origin, locator=locator, date=date[:10] or None, licence=licence)
            if len(seen) == MOST_ARTICLES:
                return


def _found(archive: Any, query: str) -> list[str]:
    search = _library().search
    titled = [archive.get_entry_by_title(query).path] if archive.has_entry_by_title(query) else []
    hits = search.Searcher(archive).search(search.Query().set_query(query)).getResults(0, MOST_ARTICLES)
    return [*titled, *hits]


def _metadata(archive: Any, name: str) -> str:
    return archive.get_metadata(name).decode("utf-8", "replace").strip() if name in archive.metadata_keys else ""


def _opened(config: Config) -> Any:
    library = _library()
    try:
        return library.reader.Archive(config.path)
    except RuntimeError as error:
        raise SourceFailed(
            f"'{config.path}' cannot be read as an archive of Kiwix ({error}); check the file, or fetch it anew."
        ) from error


def _library() -> Any:
    try:
        import libzim.reader
        import libzim.search
    except ImportError as error:
        raise MissingPackage(
            f"Archives of Kiwix are read by libzim, which is under the GPL ({error}); run pip install 'emendo[zim]'."
        ) from error
    return libzim
