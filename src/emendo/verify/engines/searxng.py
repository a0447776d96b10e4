"""A SearXNG server that the user runs or names; it needs no key."""

from __future__ import annotations

from emendo.verify.engines._hit import Hit
from emendo.verify.fetching import Fetcher

ENDPOINT = None
KEY = None
PAUSE = 0.2


def hits(words: str, endpoint: str, key: str, fetcher: Fetcher) -> list[Hit]:
    """The pages that the server finds.

    Raises:
        SourceFailed: It cannot be reached.
        KeyError, TypeError, AttributeError: It answers in another form.
    """
    told = fetcher.json(f"{endpoint}/search", {"q": words, "format": "json", "language": "en"})
    return [Hit(url=hit["url"], snippet=hit.get("content") or "", date=hit.get("publishedDate")) for hit in told["results"]]
