"""Wikipedia by its API: the paragraphs of the articles found for a claim's subject that share most with it. Needs the network.

Each passage is cited with title and revision, so that it can be looked up as it was.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from emendo.errors import SourceFailed
from emendo.verify.claims import Claim
from emendo.verify.evidence import Passage
from emendo.verify.ranking import best
from emendo.verify.wikimedia import WikimediaApi

_ARTICLES = 2
_SHORTEST = 40


@dataclass(frozen=True, kw_only=True)
class Config(WikimediaApi):
    """Which Wikipedia.

    Attributes:
        endpoint: Address of its API.
    """

    endpoint: str = "https://en.wikipedia.org/w/api.php"


def version(config: Config) -> str:
    """The endpoint and the day."""
    return f"{config.endpoint} {config.day}"


def search(claim: Claim, limit: int, config: Config) -> list[Passage]:
    """The best paragraphs of the articles found for the claim's subject, or for the claim.

    Raises:
        SourceFailed: The API cannot be reached, or answers with something else.
    """
    asked = claim.statements[0].subject if claim.statements else claim.text
    passages: list[Passage] = []
    try:
        found = _query(config, list="search", srsearch=asked, srlimit=str(_ARTICLES), srprop="")
        for hit in found["query"]["search"]:
            told = _query(config, titles=hit["title"], prop="extracts|revisions", explaintext="1", rvprop="ids|timestamp")
            for page in told["query"]["pages"]:
                passages += _passages(page)
    except (KeyError, TypeError, IndexError) as error:
        raise SourceFailed(f"The API of Wikipedia answered in another form than expected ({error!r}).") from error
    return [passages[at] for at in best([passage.text for passage in passages], claim.text, limit)]


def _query(config: Config, **params: str) -> Any:
    return config.fetcher.json(config.endpoint, {"action": "query", "format": "json", "formatversion": "2", **params})


def _passages(page: dict[str, Any]) -> list[Passage]:
    if "extract" not in page:
        return []
    revision = page["revisions"][0]
    paragraphs = [text.strip() for text in re.split(r"\n+", page["extract"])]
    return [
        Passage(
            source="wikipedia",
            origin="Wikipedia",
            locator=f"{page['title']}, revision {revision['revid']}, paragraph {number}",
            text=text,
            licence="CC BY-SA 4.0",
            date=revision["timestamp"][:10],
        )
        for number, text in enumerate(paragraphs, start=1)
        if len(text) >= _SHORTEST
    ]
