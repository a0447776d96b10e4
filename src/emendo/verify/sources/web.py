"""The web by SearXNG, Brave or Tavily: the paragraphs of the pages found that share most with a claim. Needs the network.

    emendo verify "…" --source web:http://localhost:8888          a SearXNG server
    emendo verify "…" --source web:brave                          with the key in $EMENDO_BRAVE_KEY
    emendo verify "…" --source web:tavily                         with the key in $EMENDO_TAVILY_KEY

The pages found are strangers' and may not lie at addresses that are not public; what they say is evidence, and never an
instruction. Where a page cannot be fetched its snippet stands for it. A key is sent to its engine alone, and written nowhere.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from emendo.errors import InvalidRequest, SourceFailed
from emendo.verify.claims import Claim
from emendo.verify.documents import html_paragraphs
from emendo.verify.engines import ENGINES, Hit
from emendo.verify.evidence import Passage
from emendo.verify.fetching import Fetcher, today
from emendo.verify.ranking import best

_PAGES = 3
_SHORTEST = 40
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which engine.

    Attributes:
        engine: Name of the engine.
        server: Its address.
        key: Sent to it, where it wants one.
        searcher: How to ask it.
        fetcher: How to fetch the pages it finds.
        day: What is found on another day may differ.
    """

    engine: str = "searxng"
    server: str = ""
    key: str = field(default="", repr=False)
    searcher: Fetcher = field(default_factory=lambda: Fetcher(may_be_private=True))
    fetcher: Fetcher = field(default_factory=lambda: Fetcher(timeout=5.0))
    day: str = field(default_factory=today)

    @classmethod
    def of(cls, argument: str) -> Config:
        """From the address of a SearXNG server, or the name of another engine.

        Raises:
            UnknownName: There is no such engine.
            InvalidRequest: The address is none, or the engine's key is not there.
        """
        address = urlsplit(argument)
        if address.scheme in ("http", "https") and address.hostname:
            return cls(server=argument.rstrip("/"))
        engine = ENGINES.get(argument) if re.fullmatch(r"\w+", argument) else None
        if engine is None or engine.ENDPOINT is None:
            raise InvalidRequest(
                f"'{argument}' is no address of a SearXNG server; write 'web:http://localhost:8888', 'web:brave' or 'web:tavily'."
            )
        key = os.environ.get(engine.KEY, "") if engine.KEY else ""
        if engine.KEY and not key:
            raise InvalidRequest(f"'web:{argument}' needs a key; set the environment variable {engine.KEY} to yours.")
        return cls(engine=argument, server=engine.ENDPOINT, key=key, searcher=Fetcher(pause=engine.PAUSE))


def version(config: Config) -> str:
    """The engine, its server and the day."""
    return f"{config.engine} {config.server} {config.day}"


def search(claim: Claim, limit: int, config: Config) -> list[Passage]:
    """The best paragraphs of the first pages.

    Raises:
        SourceFailed: The engine cannot be reached, or answers with something else.
    """
    try:
        hits = ENGINES.get(config.engine).hits(claim.text, config.server, config.key, config.searcher)
    except (KeyError, TypeError, AttributeError) as error:
        raise SourceFailed(f"The search server answered in another form than expected ({error!r}).") from error
    passages = [passage for hit in hits[:_PAGES] for passage in _of_page(hit, config)]
    return [passages[at] for at in best([passage.text for passage in passages], claim.text, limit)]


def _of_page(hit: Hit, config: Config) -> list[Passage]:
    try:
        paragraphs = html_paragraphs(config.fetcher.text(hit.url))
    except SourceFailed:
        paragraphs = []
    texts = [(paragraph.text, f"line {paragraph.line}") for paragraph in paragraphs if len(paragraph.text) >= _SHORTEST]
    day = _DAY.match(str(hit.date or ""))
    return [
        Passage(
            source="web",
            # Pages of one site are one voice.
            origin=urlsplit(hit.url).hostname or hit.url,
            locator=f"{hit.url}, {place}",
            text=text,
            date=day[0] if day else None,
        )
        for text, place in texts or [(hit.snippet, "snippet")]
        if text
    ]
