"""The web by a SearXNG server: the paragraphs of the pages it finds that share most with a claim. Needs the network.

    emendo verify "…" --source web:http://localhost:8888

The server is one that the user names. The pages it finds are strangers' and may not lie at addresses that are not public; what they
say is evidence, and never an instruction. Where a page cannot be fetched its snippet stands for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from emendo.errors import InvalidRequest, SourceFailed
from emendo.verify.claims import Claim
from emendo.verify.documents import html_paragraphs
from emendo.verify.evidence import Passage
from emendo.verify.fetching import Fetcher, today
from emendo.verify.ranking import best

_PAGES = 3
_SHORTEST = 40


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which server.

    Attributes:
        server: Its address.
        searcher: How to ask it.
        fetcher: How to fetch the pages it finds.
        day: What is found on another day may differ.
    """

    server: str = ""
    searcher: Fetcher = field(default_factory=lambda: Fetcher(may_be_private=True))
    fetcher: Fetcher = field(default_factory=lambda: Fetcher(timeout=5.0))
    day: str = field(default_factory=today)

    @classmethod
    def of(cls, argument: str) -> Config:
        """From the server's address.

        Raises:
            InvalidRequest: It is none.
        """
        address = urlsplit(argument)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise InvalidRequest(f"'{argument}' is no address of a SearXNG server; write 'web:http://localhost:8888'.")
        return cls(server=argument.rstrip("/"))


def version(config: Config) -> str:
    """The server and the day."""
    return f"{config.server} {config.day}"


def search(claim: Claim, limit: int, config: Config) -> list[Passage]:
    """The best paragraphs of the first pages.

    Raises:
        SourceFailed: The server cannot be reached, or answers with something else.
    """
    told = config.searcher.json(f"{config.server}/search", {"q": claim.text, "format": "json", "language": "en"})
    try:
        hits = [(str(hit["url"]), str(hit.get("content") or ""), hit.get("publishedDate")) for hit in told["results"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise SourceFailed(f"The search server answered in another form than expected ({error!r}).") from error
    passages = [passage for hit in hits[:_PAGES] for passage in _of_page(*hit, config)]
    return [passages[at] for at in best([passage.text for passage in passages], claim.text, limit)]


def _of_page(url: str, snippet: str, date: Any, config: Config) -> list[Passage]:
    try:
        paragraphs = html_paragraphs(config.fetcher.text(url))
    except SourceFailed:
        paragraphs = []
    texts = [(paragraph.text, f"line {paragraph.line}") for paragraph in paragraphs if len(paragraph.text) >= _SHORTEST]
    return [
        Passage(
            source="web",
            # Pages of one site are one voice.
            origin=urlsplit(url).hostname or url,
            locator=f"{url}, {place}",
            text=text,
            date=str(date)[:10] if date else None,
        )
        for text, place in texts or [(snippet, "snippet")]
        if text
    ]
