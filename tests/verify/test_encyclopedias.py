"""Archives of Kiwix by libzim and by a kiwix-serve: articles are found, cited, dated, and never taken from elsewhere."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from libzim.writer import Creator, Hint, Item, StringProvider

from emendo.errors import DataUnavailable, InvalidRequest, MissingPackage, SourceFailed
from emendo.verify import Claim, Judge, extract_claims, open_source, read_source, verify_answer
from emendo.verify.fetching import Fetcher
from emendo.verify.sources import kiwix, zim
from loopback import Reply, Request, server

CURIE = (
    "<html><head><title>Marie Curie</title></head><body><h1>Marie Curie</h1>"
    "<p>Marie Curie was a <b>physicist</b> and chemist who worked in Paris.</p>"
    '<p>Marie Curie was born in Warsaw<sup><a href="#n">[1]</a></sup>.</p><script>Marie Curie was born in Rome.</script>'
    "</body></html>"
)
TOWER = "<html><body><p>The Tower was opened in 1889, on a day of spring.</p></body></html>"


class Page(Item):
    """A page to write into an archive."""

    def __init__(self, path: str, title: str, text: str) -> None:
        super().__init__()
        self.path, self.title, self.text = path, title, text

    def get_path(self) -> str:
        return self.path

    def get_title(self) -> str:
        return self.title

    def get_mimetype(self) -> str:
        return "text/html"

    def get_contentprovider(self) -> StringProvider:
        return StringProvider(self.text)

    def get_hints(self) -> dict[Hint, int]:
        return {Hint.FRONT_ARTICLE: True}


def archive(path: Path, *, is_indexed: bool = True) -> Path:
    """A small archive, as Kiwix makes them."""
    with Creator(path).config_indexing(is_indexed, "eng").set_mainpath("Marie_Curie") as creator:
        creator.add_item(Page("Marie_Curie", "Marie Curie", CURIE))
        creator.add_item(Page("Tower/High", "Tower", TOWER))
        creator.add_redirection("Madame_Curie", "Madame Curie", "Marie_Curie", {Hint.FRONT_ARTICLE: True})
        for name, value in (("Creator", "Wikipedia"), ("License", "CC BY-SA 4.0"), ("Title", "A small Wikipedia")):
            creator.add_metadata(name, value)
        creator.add_metadata("Date", datetime.date(2026, 5, 6))
    return path


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> zim.Config:
    """A source on a small archive."""
    return zim.Config(path=archive(tmp_path_factory.mktemp("zim") / "wikipedia_en_small.zim"))


def claim(text: str) -> Claim:
    """The first claim of a text."""
    return extract_claims("", text)[0]


def test_an_archive_decides_without_a_network_and_is_cited(small: zim.Config, judges: list[Judge]) -> None:
    report = verify_answer("", "Marie Curie was born in Paris.", sources=[open_source("zim", small)], judges=judges)
    (verdict,) = report.verdicts
    assert (verdict.label, verdict.correction and verdict.correction.text) == ("refuted", "Warsaw")
    passage = verdict.passages[verdict.opinions[0].passage]
    assert passage.text == "Marie Curie was born in Warsaw."
    assert passage.locator == "wikipedia_en_small.zim, Marie Curie (Marie_Curie), paragraph 3"
    assert (passage.origin, passage.date, passage.licence) == ("Wikipedia", "2026-05-06", "CC BY-SA 4.0")
    assert report.versions["zim"].startswith("wikipedia_en_small.zim ")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Madame Curie was born in Warsaw.", "Marie Curie was born in Warsaw."),
        ("The physicist who worked in Paris was a chemist.", "Marie Curie was a physicist and chemist who worked in Paris."),
        ("The Tower was opened in 1900.", "The Tower was opened in 1889, on a day of spring."),
        ("Bread is baked from flour.", None),
    ],
)
def test_an_article_is_found_by_its_subject_its_names_and_its_words(text: str, found: str | None, small: zim.Config) -> None:
    passages = zim.search(claim(text), 8, small)
    assert (found in [passage.text for passage in passages]) if found else passages == []
    assert not any("Rome" in passage.text for passage in passages)


def test_an_archive_that_cannot_be_searched_is_told(tmp_path: Path) -> None:
    (tmp_path / "broken.zim").write_bytes(b"no archive" * 100)
    report = verify_answer("", "Marie Curie was born in Paris.", sources=[read_source(f"zim:{tmp_path}/broken.zim")])
    (verdict,) = report.verdicts
    assert verdict.label == "check_failed"
    assert "cannot be read as an archive of Kiwix" in verdict.failures[0].why
    bare = zim.Config(path=archive(tmp_path / "bare.zim", is_indexed=False))
    with pytest.raises(SourceFailed, match="no full-text index"):
        zim.search(claim("Marie Curie was born in Paris."), 3, bare)
    with pytest.raises(DataUnavailable, match="no archive"):
        read_source("zim:/nowhere.zim")


def test_without_libzim_it_says_what_to_install(small: zim.Config, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("libzim", "libzim.reader", "libzim.search"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingPackage, match=r"pip install 'emendo\[zim\]'"):
        read_source(f"zim:{small.path}")


def feed(*items: tuple[str, str]) -> bytes:
    """What the search of kiwix-serve 3.3 answers."""
    rows = "".join(
        f"<item><title>{title}</title><link>{link}</link><description>…</description>"
        "<book><title>A small Wikipedia</title></book><wordCount>13</wordCount></item>"
        for title, link in items
    )
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0"><channel><title>Search: curie</title>'
    return f"{head}<link>/search?pattern=curie&&format=xml</link>{rows}</channel></rss>".encode()


CATALOGUE = b"""<feed xmlns="http://www.w3.org/2005/Atom"><title>All Entries</title><entry>
    <title>A small Wikipedia</title><updated>2026-05-06T00:00:00Z</updated><name>wikipedia_en_small</name>
    <link type="text/html" href="/small" /><author><name>Wikipedia</name></author>
    <dc:issued>2026-05-06T00:00:00Z</dc:issued></entry></feed>"""


def kiwix_serve(*, link: str = "/small/Marie_Curie", has_catalogue: bool = True) -> Callable[[Request], Reply]:
    """What a kiwix-serve with that archive answers."""

    def answer(request: Request) -> Reply:
        address = urlsplit(request.path)
        asked = parse_qs(address.query)
        if address.path == "/search":
            is_found = "curie" in asked["pattern"][0].lower()
            return Reply(body=feed(("Marie Curie", link)) if is_found else feed())
        if address.path == "/catalog/v2/entries" and has_catalogue:
            return Reply(body=CATALOGUE)
        return Reply(body=CURIE.encode()) if address.path == "/small/Marie_Curie" else Reply(status=404)

    return answer


LOCAL = Fetcher(may_be_private=True, pause=0.0, timeout=5.0)


def test_a_kiwix_serve_decides_and_is_cited(judges: list[Judge]) -> None:
    with server(kiwix_serve()) as (address, seen):
        config = kiwix.Config.of(f"{address}/?books.name=wikipedia_en_small")
        found = [open_source("kiwix", config)]
        (verdict,) = verify_answer("", "Marie Curie was born in Paris.", sources=found, judges=judges).verdicts
    assert verdict.label == "refuted"
    passage = verdict.passages[verdict.opinions[0].passage]
    assert passage.locator == "wikipedia_en_small, Marie Curie (/small/Marie_Curie), paragraph 3"
    assert (passage.origin, passage.date) == ("Wikipedia", "2026-05-06")
    assert all("books.name=wikipedia_en_small" in request.path for request in seen if "/search" in request.path)


def test_a_kiwix_serve_without_a_catalogue_is_searched_all_the_same() -> None:
    with server(kiwix_serve(has_catalogue=False)) as (address, _):
        first, *_ = kiwix.search(claim("Marie Curie was born in Paris."), 3, kiwix.Config(server=address, fetcher=LOCAL))
    assert (first.origin, first.date) == ("A small Wikipedia", None)


@pytest.mark.parametrize("link", ["http://169.254.169.254/latest", "//elsewhere.example/small/Marie_Curie"])
def test_an_article_on_another_server_is_not_fetched(link: str) -> None:
    with server(kiwix_serve(link=link)) as (address, seen):
        with pytest.raises(SourceFailed, match="on another one"):
            kiwix.search(claim("Marie Curie was born in Paris."), 3, kiwix.Config(server=address, fetcher=LOCAL))
        assert len(seen) == 1


@pytest.mark.parametrize("told", [Reply(status=400), Reply(body=b"<html>"), Reply(body=b"{}")])
def test_a_server_that_is_no_kiwix_serve_fails_the_check(told: Reply) -> None:
    with server(lambda request: told) as (address, _):
        config = kiwix.Config(server=address, fetcher=LOCAL)
        report = verify_answer("", "Marie Curie was born in Paris.", sources=[open_source("kiwix", config)])
    assert report.counts["check_failed"] == 1


@pytest.mark.parametrize("text", ["kiwix", "kiwix:localhost:8080", "kiwix:file:///etc/passwd"])
def test_an_address_of_no_server_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="no address of a kiwix-serve"):
        read_source(text)
