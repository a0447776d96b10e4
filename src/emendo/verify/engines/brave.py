"""The API of Brave Search; its key is read from `EMENDO_BRAVE_KEY`."""

from __future__ import annotations

from emendo.verify.documents import html_paragraphs
from emendo.verify.engines._hit import Hit
from emendo.verify.fetching import Fetcher

ENDPOINT = "https://api.search.brave.com/res/v1/web/search"
KEY = "EMENDO_BRAVE_KEY"
# Its smallest plan allows one search a second.
PAUSE = 1.1


def hits(words: str, endpoint: str, key: str, fetcher: Fetcher) -> list[Hit]:
    """The pages that Brave finds; what it marks in a snippet is plain text here.

    Raises:
        SourceFailed: It cannot be reached, or refuses the key.
        KeyError, TypeError, AttributeError: It answers in another form.
    """
    headers = {"x-subscription-token": key, "accept": "application/json"}
    told = fetcher.json(endpoint, {"q": words[:400], "count": "10", "search_lang": "en"}, headers)
    # Where nothing is found there is no "web".
    found = (told.get("web") or {"results": []})["results"]
    return [Hit(url=hit["url"], snippet=_plain(hit.get("description") or ""), date=hit.get("page_age")) for hit in found]


def _plain(snippet: str) -> str:
    return " ".join(paragraph.text for paragraph in html_paragraphs(snippet))
