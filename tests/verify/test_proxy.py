"""The proxy passes answers on untouched, whatever becomes of their verification, and tells no key."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from emendo.errors import InvalidRequest
from emendo.verify import Claim, Judge, Passage, Source
from emendo.verify.growing import GrowingAnswer
from emendo.verify.proxy import create_proxy, question_in
from emendo.verify.streams import data_of

KEY = "sk-very-secret-key"
QUESTION = {"messages": [{"role": "user", "content": "What is the capital of California?"}]}
Begin = Callable[[str], GrowingAnswer]
WORDS = ["The capital of ", "California is Los ", "Angeles. 🎉"]


def chunk(text: str, finish: str | None = None) -> bytes:
    """A chunk as a server streams it."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return f"data: {json.dumps({'id': 'c1', 'model': 'm', 'choices': [choice]})}\n\n".encode()


STREAM = [*(chunk(word) for word in WORDS), chunk("", "stop"), b"data: [DONE]\n\n"]


class Upstream:
    """A small server that remembers what it was asked."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        self.app = Starlette(routes=[Route("/v1/{path:path}", self.answer, methods=["GET", "POST"])])

    async def answer(self, request: Request) -> Response:
        """A list of models, a streamed or a whole answer."""
        body = await request.body()
        self.seen.append((request.url.path, dict(request.headers), body))
        if request.url.path == "/v1/models":
            return JSONResponse({"data": [{"id": "m"}]}, headers={"x-upstream": "yes"})
        if request.url.path == "/v1/none":
            return JSONResponse({"error": "no"}, status_code=404)
        if json.loads(body).get("stream"):
            return StreamingResponse(self._pieces(), media_type="text/event-stream")
        message = {"role": "assistant", "content": "".join(WORDS)}
        return JSONResponse({"id": "c1", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})

    async def _pieces(self) -> AsyncIterator[bytes]:
        whole = b"".join(STREAM)
        # Cut anywhere: within events, and within characters of several bytes.
        for at in range(0, len(whole), 7):
            yield whole[at : at + 7]


@contextmanager
def serving(app: Starlette) -> Iterator[str]:
    """The address of an application that is served on the loopback for a while."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)


@pytest.fixture
def check(facts: Source, judges: list[Judge]) -> Begin:
    """Verification against the embedded tables."""
    return lambda question: GrowingAnswer(question, sources=[facts], judges=judges)


@pytest.fixture
def upstream() -> Iterator[tuple[Upstream, str]]:
    """A server and its address."""
    server = Upstream()
    with serving(server.app) as address:
        yield server, address


def post(address: str, body: dict[str, Any], **headers: str) -> httpx.Response:
    """An answer through the proxy."""
    return httpx.post(f"{address}/v1/chat/completions", json=body, headers=headers, timeout=30, trust_env=False)


def test_a_stream_comes_through_byte_for_byte_and_verdicts_follow(upstream: tuple[Upstream, str], check: Begin) -> None:
    with serving(create_proxy(f"{upstream[1]}/v1", check)) as address:
        answer = post(address, {**QUESTION, "stream": True})
        before, added = b"".join(STREAM[:-1]), answer.content
        assert added.startswith(before)
        assert added.endswith(b"data: [DONE]\n\n")
        annotations, summary = (
            json.loads(data_of(part)) for part in added[len(before) :].split(b"\n\n") if b"[DONE]" not in part and part
        )
        (note,) = annotations["choices"][0]["delta"]["annotations"]
        assert (note["verdict"], note["correction"]) == ("refuted", "Sacramento")
        assert "".join(WORDS)[note["start_index"] : note["end_index"]] == "The capital of California is Los Angeles"
        assert summary["choices"] == []
        told = summary["emendo_verification"]
        assert (told["status"], told["coverage"], told["is_complete"]) == ("checked", 1.0, True)
        report = httpx.get(f"{address}/v1/verifications/{told['id']}", trust_env=False).json()
        assert report["answer"] == "".join(WORDS)
        assert report["question"] == "What is the capital of California?"
        assert httpx.get(f"{address}/v1/verifications/none", trust_env=False).status_code == 404


def test_a_whole_answer_keeps_its_words_and_gains_annotations(upstream: tuple[Upstream, str], check: Begin) -> None:
    with serving(create_proxy(f"{upstream[1]}/v1", check)) as address:
        told = post(address, QUESTION).json()
    message = told["choices"][0]["message"]
    assert message["content"] == "".join(WORDS)
    assert [note["verdict"] for note in message["annotations"]] == ["refuted"]
    assert told["emendo_verification"][0]["counts"]["refuted"] == 1


def test_what_is_no_answer_is_passed_on(upstream: tuple[Upstream, str], check: Begin) -> None:
    with serving(create_proxy(f"{upstream[1]}/v1", check)) as address:
        models = httpx.get(f"{address}/v1/models?limit=3", trust_env=False)
        missing = httpx.get(f"{address}/v1/none", trust_env=False)
    assert models.json() == {"data": [{"id": "m"}]}
    assert models.headers["x-upstream"] == "yes"
    assert (missing.status_code, missing.json()) == (404, {"error": "no"})


@pytest.mark.parametrize("is_streamed", [False, True])
def test_an_answer_outlives_a_verification_that_breaks(upstream: tuple[Upstream, str], is_streamed: bool) -> None:
    def broken(question: str) -> GrowingAnswer:
        raise RuntimeError("the index is gone")

    with serving(create_proxy(f"{upstream[1]}/v1", broken)) as address:
        answer = post(address, {**QUESTION, "stream": is_streamed})
    assert "check_failed" in answer.text
    assert "the index is gone" in answer.text
    if is_streamed:
        assert answer.content.startswith(b"".join(STREAM[:-1]))
        assert answer.content.endswith(b"data: [DONE]\n\n")
    else:
        assert answer.json()["choices"][0]["message"]["content"] == "".join(WORDS)


def dying() -> tuple[socket.socket, str]:
    """A server that breaks off in the middle of its answer."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()

    def serve() -> None:
        connection, _ = listener.accept()
        connection.recv(65536)
        said = chunk("The capital of California is Los Angeles.")
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        connection.sendall(head + f"{len(said):x}\r\n".encode() + said + b"\r\n40\r\ndata: {")
        connection.close()

    threading.Thread(target=serve, daemon=True).start()
    return listener, f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


def test_what_was_said_before_the_upstream_died_is_passed_on_verified_and_marked(
    check: Begin,
) -> None:
    listener, address = dying()
    with listener, serving(create_proxy(address, check)) as proxy:
        answer = post(proxy, {**QUESTION, "stream": True})
    assert answer.content.startswith(chunk("The capital of California is Los Angeles."))
    assert '"verdict":"refuted"' in answer.text
    assert '"is_complete":false' in answer.text
    assert "broke off its answer" in answer.text
    assert "[DONE]" not in answer.text


TWO = ["The capital of California is Los Angeles. ", "It became a state in ", "1850", "."]


def waiting(pieces: list[bytes], go_on: threading.Event) -> Starlette:
    """A server that streams some pieces, and ends only when it is told to."""

    async def stream() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece
        while not go_on.is_set():
            await anyio.sleep(0.01)
        yield chunk("", "stop") + b"data: [DONE]\n\n"

    async def answer(request: Request) -> Response:
        return StreamingResponse(stream(), media_type="text/event-stream")

    return Starlette(routes=[Route("/v1/chat/completions", answer, methods=["POST"])])


def events_until(proxy: str, stop: Callable[[bytes], bool]) -> Iterator[bytes]:
    """The events of an answer as they come, up to one that is looked for."""
    asked = {**QUESTION, "stream": True}
    with httpx.stream("POST", f"{proxy}/v1/chat/completions", json=asked, timeout=30, trust_env=False) as answer:
        held = b""
        for piece in answer.iter_raw():
            held += piece
            while b"\n\n" in held:
                found, _, held = held.partition(b"\n\n")
                yield found
                if stop(found):
                    return


def test_the_verdict_on_a_sentence_comes_while_the_next_is_written(check: Begin) -> None:
    go_on = threading.Event()
    upstream = serving(waiting([chunk(word) for word in TWO], go_on))
    with upstream as address, serving(create_proxy(f"{address}/v1", check)) as proxy:
        seen = []
        for found in events_until(proxy, lambda found: b"[DONE]" in found):
            seen.append(found)
            # The upstream server says nothing more until the verdict is here.
            if b'"annotations"' in found:
                go_on.set()
        texts = [found for found in seen if b'"content"' in found]
        assert texts == [chunk(word)[:-2] for word in TWO] + [chunk("", "stop")[:-2]]
        noted = [json.loads(data_of(found))["choices"][0]["delta"] for found in seen if b'"annotations"' in found]
        told = json.loads(data_of(next(found for found in seen if b"emendo_verification" in found)))
        report = httpx.get(f"{proxy}/v1/verifications/{told['emendo_verification']['id']}", trust_env=False).json()
    labels = [[note["verdict"] for note in delta["annotations"]] for delta in noted]
    assert labels == [["refuted"], ["supported"]]
    assert seen.index(texts[-1]) > next(at for at, found in enumerate(seen) if b'"annotations"' in found)
    assert [claim["label"] for claim in report["claims"]] == ["refuted", "supported"]
    assert told["emendo_verification"]["coverage"] == 1.0


def test_text_does_not_wait_for_a_slow_source_and_outlives_its_timeout(judges: list[Judge]) -> None:
    is_asked = threading.Event()

    def search(claim: Claim, limit: int) -> list[Passage]:
        is_asked.set()
        time.sleep(5)
        return []

    slow = Source(name="slow", search=search, version=lambda: "1")
    go_on = threading.Event()
    go_on.set()

    def begin(question: str) -> GrowingAnswer:
        return GrowingAnswer(question, sources=[slow], judges=judges, timeout=1.0)

    upstream = serving(waiting([chunk(word) for word in TWO], go_on))
    with upstream as address, serving(create_proxy(f"{address}/v1", begin)) as proxy:
        came = [(time.monotonic(), found) for found in events_until(proxy, lambda found: b"[DONE]" in found)]
    texts = [at for at, found in came if b'"content"' in found]
    notes = [(at, found) for at, found in came if b'"annotations"' in found]
    assert is_asked.is_set()
    assert len(texts) == 5
    assert max(texts) < min(at for at, _ in notes)
    assert all(b'"check_failed"' in found for _, found in notes)
    assert any(b"no reply within 1 seconds" in found for _, found in notes)


def test_an_upstream_that_falls_silent_is_marked(check: Begin) -> None:
    upstream = serving(waiting([chunk(word) for word in TWO], threading.Event()))
    with upstream as address, serving(create_proxy(f"{address}/v1", check, timeout=0.5)) as proxy:
        answer = post(proxy, {**QUESTION, "stream": True})
    assert all(chunk(word) in answer.content for word in TWO)
    assert '"is_complete":false' in answer.text
    assert "ReadTimeout" in answer.text
    assert "[DONE]" not in answer.text


def test_an_upstream_that_is_not_there_is_told_in_a_sentence(check: Begin) -> None:
    with serving(create_proxy("http://127.0.0.1:9/v1", check, key=KEY)) as address:
        answer = post(address, QUESTION)
    assert answer.status_code == 502
    assert "cannot be reached" in answer.json()["error"]["message"]
    assert KEY not in answer.text


def test_the_key_goes_to_the_upstream_and_nowhere_else(
    upstream: tuple[Upstream, str], check: Begin, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with serving(create_proxy(f"{upstream[1]}/v1", check, key=KEY)) as address:
        answers = [post(address, {**QUESTION, "stream": True}), post(address, QUESTION, authorization="Bearer own")]
    sent = [headers.get("authorization") for _, headers, _ in upstream[0].seen]
    assert sent == [f"Bearer {KEY}", "Bearer own"]
    assert KEY not in caplog.text
    assert all(KEY not in answer.text and KEY not in str(answer.headers) for answer in answers)


def test_pages_of_other_sites_cannot_spend_the_key(upstream: tuple[Upstream, str], check: Begin) -> None:
    with serving(create_proxy(f"{upstream[1]}/v1", check, key=KEY)) as address:
        assert post(address, QUESTION, origin="https://evil.example").status_code == 403
        assert post(address, QUESTION, host="evil.example").status_code == 400
        assert post(address, QUESTION, origin="http://localhost:5173").status_code == 200
    assert len(upstream[0].seen) == 1


@pytest.mark.parametrize("address", ["", "localhost", "file:///etc/passwd", "http://"])
def test_an_address_that_is_none_is_refused(address: str, check: Begin) -> None:
    with pytest.raises(InvalidRequest, match="no address of a server"):
        create_proxy(address, check)


@pytest.mark.parametrize(
    ("body", "question"),
    [
        (b'{"messages": [{"role": "user", "content": "A?"}, {"role": "assistant", "content": "B"}]}', "A?"),
        (b'{"messages": [{"role": "user", "content": [{"type": "text", "text": "A?"}, {"type": "image_url"}]}]}', "A?"),
        (b'{"prompt": "A?"}', "A?"),
        (b'{"messages": 3}', ""),
        (b"[]", ""),
        (b"\xff", ""),
    ],
)
def test_the_question_is_the_users_last_message(body: bytes, question: str) -> None:
    assert question_in(body) == question
