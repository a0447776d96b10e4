"""A running kiwix-serve: the paragraphs of the articles that it finds, from the archives that it serves.

    emendo verify "…" --source kiwix:http://localhost:8080

Where it serves several archives, "kiwix:http://localhost:8080?books.name=wikipedia_en_all" names the one that is searched. Nothing
but that server is asked.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urljoin, urlsplit

from emendo.errors import InvalidRequest, SourceFailed
from emendo.verify.articles import MOST_ARTICLES, Article, passages_of, queries_of
from emendo.verify.claims import Claim
from emendo.verify.embedding import Embedder, find_embedder, ranked_by
from emendo.verify.evidence import Passage
from emendo.verify.fetching import Fetcher, today

# Both feeds are written from templates, and are read as such: some servers leave "&" as it is, which no XML parser takes.
_ITEM = re.compile(r"<item>(.*?)</item>", re.DOTALL)
_ENTRY = re.compile(r"<entry>(.*?)</entry>", re.DOTALL)
_HOME = re.compile(r'<link type="text/html"[^>]*? href="([^"]*)"')


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which server.

    Attributes:
        server: Its address, with its prefix if it has one.
        scope: Parameters that say which archives are searched; all unless given.
        fetcher: How to ask it.
        day: What is found on another day may differ.
        embedder: Orders paragraphs by their sense; words alone where there is none.
    """

    server: str = ""
    scope: tuple[tuple[str, str], ...] = ()
    fetcher: Fetcher = field(default_factory=lambda: Fetcher(may_be_private=True, pause=0.0, most_bytes=10_000_000))
    day: str = field(default_factory=today)
    embedder: Embedder | None = field(default_factory=find_embedder)

    @classmethod
    def of(cls, argument: str) -> Config:
        """From the server's address.

        Raises:
            InvalidRequest: It is none.
        """
        address = urlsplit(argument)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise InvalidRequest(f"'{argument}' is no address of a kiwix-serve; write 'kiwix:http://localhost:8080'.")
        return cls(server=argument.partition("?")[0].rstrip("/"), scope=tuple(parse_qsl(address.query)))


def version(config: Config) -> str:
    """The server, what is searched, the day, and what orders the paragraphs."""
    return f"{config.server} {dict(config.scope)} {config.day}, {ranked_by(config.embedder)}"


def search(claim: Claim, limit: int, config: Config) -> list[Passage]:
    """The best paragraphs of the articles found for a claim.

    Raises:
        SourceFailed: The server cannot be reached, or answers with something else.
    """
    return passages_of(list(_articles(queries_of(claim), config)), "kiwix", claim, limit, config.embedder)


def _articles(queries: list[str], config: Config) -> Iterator[Article]:
    seen: set[str] = set()
    books: list[tuple[str, str]] | None = None
    for query in queries:
        asked = {**dict(config.scope), "pattern": query, "format": "xml", "start": "0", "pageLength": str(MOST_ARTICLES)}
        told = config.fetcher.text(f"{config.server}/search", asked)
        if "<rss" not in told:
            raise SourceFailed("The server answered in another form than expected: its search gave no feed.")
        for item in _ITEM.findall(told):
            path = _text(item, "link")
            address = urljoin(f"{config.server}/", path)
            if urlsplit(address).netloc != urlsplit(config.server).netloc:
                raise SourceFailed(f"The server names an article on another one ({urlsplit(address).hostname}).")
            if path in seen:
                continue
            seen.add(path)
            books = _books(config) if books is None else books
            book = next((entry for home, entry in books if path.startswith(f"{home}/")), "")
            title, name = _text(item, "title"), _text(book, "name") or _text(item, "title", "book")
            yield Article(
                page=config.fetcher.text(address),
                origin=_text(book, "name", "author") or _text(book, "title") or name,
                locator=f"{name}, {title} ({unquote(path)})",
                date=(_text(book, "dc:issued") or _text(book, "updated"))[:10] or None,
            )
            if len(seen) == MOST_ARTICLES:
                return


def _books(config: Config) -> list[tuple[str, str]]:
    """Where each archive's articles stand, and what the catalogue says of it; nothing where there is no catalogue."""
    try:
        entries = _ENTRY.findall(config.fetcher.text(f"{config.server}/catalog/v2/entries", {"count": "-1"}))
    except SourceFailed:
        return []
    return [(html.unescape(home[1]).rstrip("/"), entry) for entry in entries if (home := _HOME.search(entry))]


def _text(xml: str, tag: str, within: str = "") -> str:
    """What an element says; empty where there is none."""
    held = re.search(rf"<{within}>(.*?)</{within}>", xml, re.DOTALL) if within else None
    found = re.search(rf"<{tag}>(.*?)</{tag}>", held[1] if held else xml, re.DOTALL) if held or not within else None
    return html.unescape(found[1]).strip() if found else ""
