"""Articles of an encyclopedia: what it is asked about a claim, and the paragraphs of a page that share most with the claim.

Search engines of encyclopedias want every word of a query in a page. So the subject of a claim is asked for first, then the
names in it, then its words; what is found first is read first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from emendo.verify.claims import Claim
from emendo.verify.context import names_in
from emendo.verify.documents import html_paragraphs
from emendo.verify.embedding import Embedder
from emendo.verify.evidence import Passage
from emendo.verify.ranking import best_by_sense, content_words

MOST_ARTICLES = 3
_SHORTEST = 25
# "Warsaw[1][note 2]": marks of footnotes, which stand in the middle of sentences.
_FOOTNOTE = re.compile(r"\[(?:note |nb )?\d+\]|\[[a-z]\]|\[citation needed\]")


@dataclass(frozen=True, kw_only=True)
class Article:
    """A page of an encyclopedia.

    Attributes:
        page: Its HTML.
        origin: Whose words they are.
        locator: Where it stands.
        date: When the encyclopedia was copied; None where nobody says.
        licence: Of the words; empty where nobody says.
    """

    page: str
    origin: str
    locator: str
    date: str | None = None
    licence: str = ""


def queries_of(claim: Claim) -> list[str]:
    """What to ask an encyclopedia about a claim, the likeliest first."""
    subjects = [statement.subject for statement in claim.statements[:2]]
    return list(dict.fromkeys([*subjects, *names_in(claim.text)[:2], " ".join(content_words(claim.text))]))


def passages_of(
    articles: Iterable[Article], source: str, claim: Claim, limit: int, embedder: Embedder | None
) -> list[Passage]:
    """The best paragraphs of some articles, by their words and where there is an embedder by their sense."""
    passages = [
        Passage(
            source=source,
            origin=article.origin,
            locator=f"{article.locator}, paragraph {number}",
            text=text,
            date=article.date,
            licence=article.licence,
        )
        for article in articles
        for number, paragraph in enumerate(html_paragraphs(article.page), start=1)
        if len(text := _FOOTNOTE.sub("", paragraph.text)) >= _SHORTEST
    ]
    texts = [passage.text for passage in passages]
    return [passages[at] for at in best_by_sense(texts, claim.text, limit, embedder)]
