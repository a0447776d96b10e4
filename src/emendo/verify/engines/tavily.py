"""The API of Tavily; its key is read from `EMENDO_TAVILY_KEY`."""

from __future__ import annotations

from emendo.verify.engines._hit import Hit
from emendo.verify.fetching import Fetcher

ENDPOINT = "https://api.tavily.com/search"
KEY = "EMENDO_TAVILY_KEY"
PAUSE = 0.2


def hits(words: str, endpoint: str, key: str, fetcher: Fetcher) -> list[Hit]:
    """The pages that Tavily finds; no answer of its own is asked for, since that would be a model's.

    Raises:
        SourceFailed: It cannot be reached, or refuses the key.
        KeyError, TypeError, AttributeError: It answers in another form.
    """
    asked = {"query": words[:400], "max_results": 10, "include_answer": False}
    told = fetcher.json(endpoint, headers={"authorization": f"Bearer {key}"}, body=asked)
    return [Hit(url=hit["url"], snippet=hit.get("content") or "", date=hit.get("published_date")) for hit in told["results"]]
