"""Sources on the network, against replies of the same shape on the loopback; and what a fetcher refuses."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from emendo.errors import InvalidRequest, SourceFailed
from emendo.verify import Claim, Judge, extract_claims, open_source, read_source, verify_answer
from emendo.verify.engines import ENGINES
from emendo.verify.fetching import Fetcher
from emendo.verify.ranking import best
from emendo.verify.sources import web, wikidata, wikipedia
from loopback import Reply, Request, server

LOCAL = Fetcher(may_be_private=True, pause=0.0, timeout=5.0, most_bytes=10_000)


def claim(text: str) -> Claim:
    """The first claim of a text."""
    return extract_claims("", text)[0]


def asked(request: Request) -> dict[str, str]:
    """The parameters of a request."""
    return {name: values[0] for name, values in parse_qs(urlsplit(request.path).query).items()}


def reply(told: Any, status: int = 200) -> Reply:
    """A reply in JSON."""
    return Reply(body=json.dumps(told).encode(), status=status, headers={"content-type": "application/json; charset=utf-8"})


def encyclopedia(request: Request) -> Reply:
    """What Wikipedia's API answers about Marie Curie."""
    params = asked(request)
    if params.get("list") == "search":
        return reply({"batchcomplete": True, "query": {"search": [{"ns": 0, "title": "Marie Curie", "pageid": 20408}]}})
    extract = (
        "Marie Curie was a physicist and chemist of the École.\n\n\n== Life ==\n"
        "Marie Curie was born in Warsaw, in what was then the Kingdom of Poland.\nShort."
    )
    revision = {"revid": 1234567, "parentid": 1, "timestamp": "2026-05-06T07:08:09Z"}
    page = {"pageid": 20408, "ns": 0, "title": "Marie Curie", "revisions": [revision], "extract": extract}
    return reply({"batchcomplete": True, "query": {"pages": [page]}})


def test_wikipedia_is_cited_with_its_revision(judges: list[Judge]) -> None:
    with server(encyclopedia) as (address, seen):
        config = wikipedia.Config(endpoint=f"{address}/w/api.php", fetcher=LOCAL)
        found = [open_source("wikipedia", config)]
        (verdict,) = verify_answer("", "Marie Curie was born in Paris.", sources=found, judges=judges).verdicts
    assert (verdict.label, verdict.correction and verdict.correction.text) == ("refuted", "Warsaw")
    first = verdict.passages[0]
    assert first.locator == "Marie Curie, revision 1234567, paragraph 3"
    assert (first.date, first.licence) == ("2026-05-06", "CC BY-SA 4.0")
    assert asked(seen[0])["srsearch"] == "Marie Curie"
    assert seen[0].headers["user-agent"].startswith("emendo/")


def statement(value: dict[str, Any], rank: str = "normal", **qualifiers: Any) -> dict[str, Any]:
    """A statement as Wikidata gives it."""
    return {"mainsnak": {"snaktype": "value", "datavalue": value}, "rank": rank, "qualifiers": qualifiers}


def item(number: str) -> dict[str, Any]:
    """A value that is an item."""
    return {"type": "wikibase-entityid", "value": {"entity-type": "item", "id": number}}


ENTITIES = {
    "Q232": {
        "labels": {"en": {"value": "Kazakhstan"}},
        "aliases": {"en": [{"value": "Republic of Kazakhstan"}]},
        "lastrevid": 99,
        "modified": "2026-01-02T03:04:05Z",
        "claims": {
            "P36": [
                statement(item("Q1520")),
                statement(item("Q35493"), P582=[{}]),
                statement(item("Q1"), rank="deprecated"),
            ],
            "P571": [statement({"type": "time", "value": {"time": "+1991-12-16T00:00:00Z", "precision": 11}})],
        },
    },
    "Q99": {
        "labels": {"en": {"value": "Kazakhstan, Book"}},
        "aliases": {},
        "lastrevid": 1,
        "modified": "2026",
        "claims": {},
    },
    "Q1520": {"labels": {"en": {"value": "Astana"}}, "aliases": {"en": [{"value": "Nur-Sultan"}]}},
}


def items(request: Request) -> Reply:
    """What Wikidata's API answers about Kazakhstan."""
    params = asked(request)
    if params["action"] == "wbsearchentities":
        return reply({"search": [{"id": "Q99"}, {"id": "Q232"}], "success": 1})
    return reply({"entities": {number: ENTITIES[number] for number in params["ids"].split("|")}, "success": 1})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The capital of Kazakhstan is Astana.", "supported"),
        ("The capital of Kazakhstan is Nur-Sultan.", "supported"),
        ("The capital of Kazakhstan is Almaty.", "refuted"),
        ("Kazakhstan was founded on 16 December 1991.", "supported"),
        ("Kazakhstan was founded in 1990.", "refuted"),
        ("The CEO of Kazakhstan is Ada Byron.", "not_enough_evidence"),
        ("Kazakhstan borders Russia.", "not_enough_evidence"),
    ],
)
def test_wikidata_decides_by_what_holds_now(text: str, expected: str) -> None:
    with server(items) as (address, _):
        config = wikidata.Config(endpoint=f"{address}/w/api.php", fetcher=LOCAL)
        (verdict,) = verify_answer("", text, sources=[open_source("wikidata", config)]).verdicts
    assert verdict.label == expected
    if verdict.passages:
        assert verdict.passages[0].locator.startswith("Q232, P")
        assert verdict.passages[0].locator.endswith("revision 99")


@pytest.mark.parametrize(
    "told", [Reply(status=429), Reply(body=b"<html>"), reply([]), reply({"query": 1}), reply({"search": [{}], "query": {}})]
)
def test_an_api_that_answers_otherwise_fails_the_check(told: Reply) -> None:
    with server(lambda request: told) as (address, _):
        for name, module in (("wikipedia", wikipedia), ("wikidata", wikidata)):
            config = module.Config(endpoint=f"{address}/w/api.php", fetcher=LOCAL)
            report = verify_answer("", "The capital of Kazakhstan is Astana.", sources=[open_source(name, config)])
            assert report.counts["check_failed"] == 1


def test_pages_of_strangers_are_not_fetched_from_addresses_that_are_not_public() -> None:
    def answer(request: Request) -> Reply:
        if request.path.startswith("/search"):
            found = {"url": f"http://{request.headers['host']}/page", "content": "The CEO of Acme is Ada.", "title": "t"}
            return reply({"results": [found]})
        return Reply(body=b"<p>The CEO of Acme is Eve, as this long page on a private network says.</p>")

    with server(answer) as (address, seen):
        closed = web.Config(server=address, searcher=LOCAL)
        (verdict,) = verify_answer("", "The CEO of Acme is Ada.", sources=[open_source("web", closed)]).verdicts
        assert verdict.label == "supported"
        assert verdict.passages[0].locator.endswith("/page, snippet")
        assert len(seen) == 1
        opened = web.Config(server=address, searcher=LOCAL, fetcher=LOCAL)
        (passage,) = web.search(claim("The CEO of Acme is Ada."), 3, opened)
        assert passage.text.startswith("The CEO of Acme is Eve")


KEY = "a-very-secret-key"
# What the engines answer, cut to the fields that stand in every reply.
BRAVE = {
    "type": "search",
    "query": {"original": "q"},
    "web": {
        "type": "search",
        "results": [
            {
                "title": "Acme",
                "url": "http://127.0.0.1:9/acme",
                "description": "The CEO of <strong>Acme</strong> is Eve &amp; nobody else.",
                "page_age": "2026-03-04T05:06:07",
                "age": "March 4, 2026",
            }
        ],
    },
}
TAVILY = {
    "query": "q",
    "answer": None,
    "images": [],
    "response_time": 1.1,
    "results": [
        {"title": "Acme", "url": "http://127.0.0.1:9/acme", "content": "The CEO of Acme is Eve & nobody else.", "score": 0.9}
    ],
}


@pytest.mark.parametrize(
    ("engine", "told", "date"), [("brave", BRAVE, "2026-03-04"), ("tavily", TAVILY, None)], ids=["brave", "tavily"]
)
def test_an_engine_is_asked_with_its_key_which_is_told_to_nobody(
    engine: str, told: Any, date: str | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    monkeypatch.setenv(ENGINES.get(engine).KEY, KEY)
    chosen = read_source(f"web:{engine}")
    with server(lambda request: reply(told)) as (address, seen):
        config = replace(web.Config.of(engine), server=address, searcher=LOCAL)
        report = verify_answer("", "The CEO of Acme is Eve.", sources=[open_source("web", config)])
    (request,) = seen
    assert KEY in (request.headers.get("authorization", "") + request.headers.get("x-subscription-token", ""))
    assert KEY not in request.path + request.body.decode()
    asked_for = request.path + request.body.decode()
    assert "CEO" in asked_for
    assert "Acme" in asked_for
    (passage,) = report.verdicts[0].passages
    assert (passage.text, passage.date) == ("The CEO of Acme is Eve & nobody else.", date)
    assert passage.locator.endswith("/acme, snippet")
    assert all(KEY not in text for text in (report.canonical(), repr(config), repr(chosen), caplog.text))


@pytest.mark.parametrize("engine", ["brave", "tavily"])
def test_a_key_is_not_told_where_an_engine_refuses_it_or_leads_elsewhere(
    engine: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")

    def search_at(address: str) -> str:
        config = web.Config(engine=engine, server=address, key=KEY, searcher=LOCAL)
        with pytest.raises(SourceFailed) as told:
            web.search(claim("The CEO of Acme is Eve."), 3, config)
        return str(told.value)

    with server(lambda request: Reply(status=401)) as (address, _):
        assert "status 401" in search_at(address)
    with server(lambda request: reply({"results": [3], "web": 3})) as (address, _):
        assert "another form" in search_at(address)
    opened = replace(LOCAL, may_be_private=True)
    with server(lambda request: Reply()) as (other, seen):
        away = Reply(status=307, headers={"location": other.replace("127.0.0.1", "localhost")})
        with server(lambda request: away) as (address, _), pytest.raises(SourceFailed):
            opened.json(address, headers={"authorization": KEY}, body={"query": KEY})
        assert seen == []
    assert KEY not in caplog.text


def test_an_engine_that_finds_nothing_is_no_failure() -> None:
    for engine, told in (("brave", {"type": "search"}), ("tavily", {"results": []}), ("searxng", {"results": []})):
        with server(lambda request, told=told: reply(told)) as (address, _):
            config = web.Config(engine=engine, server=address, key=KEY, searcher=LOCAL)
            assert web.search(claim("The CEO of Acme is Eve."), 3, config) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [("web:brave", "EMENDO_BRAVE_KEY"), ("web:tavily", "EMENDO_TAVILY_KEY"), ("web:bravo", "Did you mean 'brave'")],
)
def test_a_key_that_is_missing_and_an_engine_that_is_unknown_are_told(
    text: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for engine in ENGINES.names():
        monkeypatch.delenv(ENGINES.get(engine).KEY or "_", raising=False)
    with pytest.raises(InvalidRequest, match=message):
        read_source(text)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost:80/",
        "http://10.0.0.1/",
        "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://0.0.0.0/",
        "http://2130706433/",
        "http://user@127.0.0.1/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "gopher://127.0.0.1/",
        "http:///",
    ],
)
def test_an_address_that_is_not_public_is_refused(url: str) -> None:
    with pytest.raises(SourceFailed, match=r"no public address|only http and https"):
        Fetcher().text(url)


def test_a_name_that_leads_inside_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: rows)
    with pytest.raises(SourceFailed, match=r"inside.example is at 10.0.0.1"):
        Fetcher().text("http://inside.example/")


def test_a_redirect_is_looked_at_as_well() -> None:
    to_a_file = Reply(status=302, headers={"location": "file:///etc/passwd"})
    with server(lambda request: to_a_file) as (address, _), pytest.raises(SourceFailed, match="only http and https"):
        LOCAL.text(address)
    with server(lambda request: Reply(status=302, headers={"location": "/again"})) as (address, seen):
        with pytest.raises(SourceFailed, match="redirects more than 3 times"):
            LOCAL.text(address)
        assert len(seen) == 4


def test_a_server_that_the_user_named_cannot_lead_to_another_private_one() -> None:
    def away(request: Request) -> Reply:
        inside = f"http://localhost:{request.headers['host'].rpartition(':')[2]}/secret"
        return Reply(body=b"a secret") if request.path == "/secret" else Reply(status=302, headers={"location": inside})

    with server(away) as (address, seen):
        with pytest.raises(SourceFailed, match=r"localhost is at .* no public address"):
            LOCAL.text(address)
        assert [request.path for request in seen] == ["/"]


def test_a_reply_that_is_too_long_or_late_or_missing_is_told() -> None:
    long = Reply(body=b"a" * 20_000)
    with server(lambda request: long) as (address, _), pytest.raises(SourceFailed, match="more than 10,000 bytes"):
        LOCAL.text(address)
    with pytest.raises(SourceFailed, match="does not answer"):
        LOCAL.text("http://127.0.0.1:9/")


def test_requests_to_a_host_are_spaced() -> None:
    slow = Fetcher(may_be_private=True, pause=0.1)
    with server(lambda request: Reply(body=b"x")) as (address, _):
        started = time.monotonic()
        assert [slow.text(address) for _ in range(3)] == ["x"] * 3
        assert time.monotonic() - started >= 0.2


@pytest.mark.parametrize("text", ["wikipedia:de", "wikidata:x", "web:", "web:localhost:80", "web:searxng", "memory"])
def test_what_a_source_does_not_take_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        read_source(text)


def test_the_paragraphs_that_share_rare_words_come_first() -> None:
    texts = ["The bridge is long.", "The bridge was opened in 1937.", "Bread.", "The bridge and the bridge."]
    assert best(texts, "The bridge was opened in 1937.", 2)[0] == 1
    assert 2 not in best(texts, "The bridge was opened in 1937.", 9)
