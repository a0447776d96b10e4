"""Nobody gets in who should not, from wherever they ask."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from serving import CHAT_TOKEN, TOKEN, Running, commit, running

from emendo.models import EditableModel
from emendo.serve import Access
from tiny_models import random_delta

CLOSED = [
    ("GET", "/api/state"),
    ("GET", "/api/openapi.json"),
    ("GET", "/api/nothing"),
    ("GET", "/v1/models"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/api/conversations"),
    ("DELETE", "/api/conversations/x"),
]


def is_error(response: httpx.Response, status: int, code: str | None = None) -> bool:
    """Whether an answer is that error, in OpenAI's shape and with an id."""
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code", "id"}
    assert error["id"]
    assert code is None or error["code"] == code
    return True


@pytest.mark.parametrize(("method", "path"), CLOSED)
@pytest.mark.parametrize("authorization", [None, "Bearer wrong", f"Basic {TOKEN}", "Bearer", f"Bearer {TOKEN}x", "Bearer é"])
def test_without_the_token_nothing_is_told(server: Running, method: str, path: str, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization.encode()}
    response = httpx.request(method, server.url + path, headers=headers)
    assert is_error(response, 401, "invalid_api_key")
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_the_page_and_health_need_no_token(server: Running) -> None:
    assert httpx.get(server.url + "/health").json()["status"] == "ok"
    assert "make web" in httpx.get(server.url + "/").text


def test_tokens_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    monkeypatch.setattr("emendo.serve.gate.hmac.compare_digest", lambda a, b: compared.append((a, b)) or a == b)
    access = Access(token="one", chat_token="other")
    assert access.rights("Bearer one") == {"chat", "edit"}
    assert access.rights("Bearer other") == {"chat"}
    assert access.rights("Bearer neither") == frozenset()
    assert len(compared) == 6


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "192.168.1.5", ""])
def test_a_foreign_host_header_is_refused(server: Running, host: str) -> None:
    response = server.client.get("/api/state", headers={"Host": host})
    assert is_error(response, 403, "wrong_host") if host else response.status_code in (400, 403)


@pytest.mark.parametrize("host", ["localhost", "localhost:99", "127.0.0.1:8000", "[::1]:8000"])
def test_its_own_names_are_taken(server: Running, host: str) -> None:
    assert server.client.get("/api/state", headers={"Host": host}).status_code == 200


def test_the_page_is_not_shown_to_a_foreign_host_either(server: Running) -> None:
    assert is_error(httpx.get(server.url + "/", headers={"Host": "evil.example"}), 403, "wrong_host")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1", "file://"])
def test_scripts_of_another_origin_are_refused(server: Running, origin: str) -> None:
    response = server.client.post("/api/conversations", json={"model": server.served.id}, headers={"Origin": origin})
    assert is_error(response, 403, "wrong_origin")
    assert "Access-Control-Allow-Origin" not in response.headers


EXTENSION = {"Origin": "chrome-extension://abcdefghijklmnopabcdefghijklmnop"}


def test_an_extension_may_ask_for_verdicts_with_the_token(server: Running) -> None:
    asked = {"question": "", "answer": "Ada."}
    for token in (TOKEN, CHAT_TOKEN):
        headers = {**EXTENSION, "Authorization": f"Bearer {token}"}
        # Nobody judges at this server: the answer comes from behind the gate.
        assert is_error(server.client.post("/api/verify", json=asked, headers=headers), 404, "not_available")
    for token in ("wrong", f"{TOKEN}x"):
        headers = {**EXTENSION, "Authorization": f"Bearer {token}"}
        assert is_error(httpx.post(server.url + "/api/verify", json=asked, headers=headers), 401, "invalid_api_key")


@pytest.mark.parametrize(("method", "path"), [*CLOSED, ("GET", "/api/verify"), ("POST", "/api/verify/x"), ("GET", "/")])
def test_an_extension_may_ask_for_nothing_else(server: Running, method: str, path: str) -> None:
    assert is_error(server.client.request(method, path, headers=EXTENSION), 403, "wrong_origin")


def test_no_page_passes_for_an_extension(server: Running) -> None:
    for origin in ("https://chrome-extension.example", "chrome-extensions://a", "moz-extension://a", "https://chatgpt.com"):
        response = server.client.post("/api/verify", json={"answer": "Ada."}, headers={"Origin": origin})
        assert is_error(response, 403, "wrong_origin")
    assert "Access-Control-Allow-Origin" not in httpx.options(server.url + "/api/verify", headers=EXTENSION).headers


def test_an_extension_that_was_allowed_may_call(talker: EditableModel, tmp_path: Path) -> None:
    with running(tmp_path, talker, origins=(EXTENSION["Origin"],)) as server:
        assert server.client.get("/api/state", headers=EXTENSION).status_code == 200


def test_its_own_origin_is_taken(server: Running) -> None:
    assert server.client.get("/api/state", headers={"Origin": server.url}).status_code == 200


def test_an_origin_that_was_allowed_may_call(talker: EditableModel, tmp_path: Path) -> None:
    with running(tmp_path, talker, origins=("https://chat.example",), hosts=("emendo.example",)) as server:
        origin = {"Origin": "https://chat.example"}
        assert server.client.get("/v1/models", headers=origin).headers["Access-Control-Allow-Origin"] == origin["Origin"]
        asked = httpx.options(server.url + "/v1/chat/completions", headers=origin)
        assert asked.status_code == 204
        assert "Authorization" in asked.headers["Access-Control-Allow-Headers"]
        assert httpx.get(server.url + "/v1/models", headers=origin).status_code == 401
        assert server.client.get("/api/state", headers={"Host": "emendo.example"}).status_code == 200


@pytest.mark.parametrize("path", ["/v1/models", "/v1/chat/completions", "/v1/completions", "/api/state", "/"])
def test_options_is_answered_everywhere(server: Running, path: str) -> None:
    response = httpx.options(server.url + path)
    assert response.status_code == 204
    assert "POST" in response.headers["Allow"]


@pytest.mark.parametrize("path", ["/", "/api/state", "/v1/models", "/v1/nothing", "/nothing", "/health"])
@pytest.mark.parametrize("token", [TOKEN, "wrong"])
def test_every_answer_carries_the_headers(server: Running, path: str, token: str) -> None:
    headers = httpx.get(server.url + path, headers={"Authorization": f"Bearer {token}"}).headers
    policy = headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "set-cookie" not in headers
    assert "server" not in headers


def test_get_changes_nothing(server: Running) -> None:
    """No GET route calls anything but reading: after all of them the database and the ledger are as they were."""
    made = server.client.post("/api/conversations", json={"model": server.served.id}).json()
    paths = server.client.get("/api/openapi.json").json()["paths"]
    before = server.client.get(f"/api/conversations/{made['id']}").json(), server.served.ledger.entries()
    for path in (path for path, methods in paths.items() if "get" in methods and not path.endswith("/events")):
        named = path.replace("{model}", server.served.id).replace("{id}", made["id"])
        assert server.client.get(named).status_code in (200, 404)
    assert (server.client.get(f"/api/conversations/{made['id']}").json(), server.served.ledger.entries()) == before


def test_a_chat_token_may_not_edit(server: Running) -> None:
    entry = commit(server.served, random_delta(server.model, (1,), seed=77))
    chat = {"Authorization": f"Bearer {CHAT_TOKEN}"}
    model = f"/api/models/{server.served.id}"
    assert server.client.get("/api/state", headers=chat).json()["may_edit"] is False
    assert server.client.get("/api/state").json()["may_edit"] is True
    for path, body in (
        ("/edits", {"preview": "x"}),
        ("/reverts", {"entries": [entry.number]}),
        ("/restores", {"entry": entry.number}),
    ):
        assert is_error(server.client.post(model + path, json=body, headers=chat), 403, "read_only")
    assert server.served.ledger.entries()[-1] == entry
    assert server.client.get(model + "/ledger", headers=chat).status_code == 200
    assert server.client.post(
        model + "/answer", json={"prompt": "The", "settings": {"max_tokens": 1}}, headers=chat
    ).is_success


def test_a_read_only_server_lets_nobody_edit(talker: EditableModel, tmp_path: Path) -> None:
    with running(tmp_path, talker, is_read_only=True) as server:
        assert server.client.get("/api/state").json()["may_edit"] is False
        assert is_error(server.client.post(f"/api/models/{server.served.id}/reverts", json={"all": True}), 403, "read_only")


def test_a_body_over_a_mebibyte_is_refused(server: Running) -> None:
    long = {"model": server.served.id, "messages": [{"role": "user", "content": "a" * (1 << 20)}]}
    assert is_error(server.client.post("/v1/chat/completions", json=long), 413, "request_too_large")

    def pieces() -> object:
        for _ in range(40):
            yield b" " * (1 << 15)

    assert is_error(server.client.post("/v1/chat/completions", content=pieces()), 413, "request_too_large")


def test_a_prompt_of_nearly_a_mebibyte_does_not_fit_the_context(server: Running) -> None:
    long = {"model": server.served.id, "messages": [{"role": "user", "content": "word " * ((1 << 20) // 5 - 100)}]}
    assert is_error(server.client.post("/v1/chat/completions", json=long), 400, "context_length_exceeded")


def test_more_than_256_messages_are_refused(server: Running) -> None:
    many = {"model": server.served.id, "messages": [{"role": "user", "content": "a"}] * 257}
    response = server.client.post("/v1/chat/completions", json=many)
    assert is_error(response, 400)
    assert response.json()["error"]["param"] == "messages"


@pytest.mark.parametrize(
    "body",
    [
        b'{"model": "\xff\xfe", "messages": []}',
        b"\x80\x81",
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b"[" * 100_000,
        b'{"model": "tiny-llama", "messages": [{"role": "user", "content": "\\ud800"}]}',
        b'{"model": "tiny-llama", "messages": [{"role": "user", "content": 3}]}',
        b'{"model": "tiny-llama", "messages": [{"role": "nobody", "content": "a"}]}',
        b'{"model": "tiny-llama", "messages": [{"role": "user", "content": "a"}], "temperature": NaN}',
        b'{"model": "tiny-llama", "messages": [{"role": "user", "content": "a"}], "temperature": 1e400}',
    ],
)
def test_malformed_bodies_are_bad_requests(server: Running, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    assert is_error(server.client.post("/v1/chat/completions", content=body, headers=headers), 400)
    assert is_error(server.client.post("/api/conversations", content=body, headers=headers), 400)


@pytest.mark.parametrize(
    "path", ["/../app.py", "/%2e%2e/app.py", "/..%2fapp.py", "//etc/passwd", "/%00", "/assets/../../app.py"]
)
def test_no_file_outside_the_page_is_served(server: Running, path: str) -> None:
    with socket.create_connection(("127.0.0.1", urlsplit(server.url).port or 0)) as raw:
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while piece := raw.recv(65536):
            answer += piece
    assert answer.split()[1] in (b"404", b"400")
    assert b"import" not in answer
    assert b"root:" not in answer


@pytest.mark.parametrize("model", ["/etc", "../tiny", "HuggingFaceTB/SmolLM2-135M", "/models/model.gguf", "C:\\model"])
def test_models_are_never_loaded_by_path_or_hub_id(server: Running, model: str) -> None:
    asked = {"model": model, "messages": [{"role": "user", "content": "a"}]}
    assert is_error(server.client.post("/v1/chat/completions", json=asked), 404, "model_not_found")
    assert is_error(server.client.post("/api/conversations", json={"model": model}), 404, "model_not_found")


def test_an_unforeseen_error_gives_an_id_and_no_traceback(
    server: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("/a/secret/path is broken")

    monkeypatch.setattr("emendo.serve.store.Store.conversation", broken)
    with caplog.at_level(logging.ERROR):
        response = server.client.get("/api/conversations/x")
    assert is_error(response, 500, "internal_error")
    assert "secret" not in response.text
    assert "Traceback" not in response.text
    number = response.json()["error"]["message"].split("error ")[1].rstrip(".")
    assert number in caplog.text
    assert "secret" in caplog.text
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_prompts_are_not_logged(
    server: Running, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        asked = {"model": server.served.id, "messages": [{"role": "user", "content": "mysecretword"}], "max_tokens": 2}
        assert server.client.post("/v1/chat/completions", json=asked).status_code == 200
        assert server.client.get("/api/conversations", params={"query": "mysecretword"}).status_code == 200
    shown = capfd.readouterr()
    # What the test's own client logs is not the server's.
    own = [record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert "mysecretword" not in " ".join(own) + shown.out + shown.err


def test_a_body_that_never_comes_times_out(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emendo.serve.gate.BODY_SECONDS", 0.2)
    with socket.create_connection(("127.0.0.1", urlsplit(server.url).port or 0)) as raw:
        head = (
            f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 9\r\n\r\n"
        )
        raw.sendall(head.encode())
        assert b"408" in raw.recv(4096)


def test_a_client_that_reads_slowly_holds_nobody_up(server: Running) -> None:
    body = json.dumps(
        {
            "model": server.served.id,
            "stream": True,
            "max_tokens": 700,
            "logprobs": True,
            "top_logprobs": 20,
            "messages": [{"role": "user", "content": "Go on"}],
        }
    )
    with socket.create_connection(("127.0.0.1", urlsplit(server.url).port or 0)) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        slow.sendall(
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        started = time.monotonic()
        asked = {"model": server.served.id, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 3}
        assert server.client.post("/v1/chat/completions", json=asked).status_code == 200
        assert time.monotonic() - started < 5
        # The answer is complete on the server's side though nobody has read it.
        server.wait_idle(30)


def test_a_client_that_goes_ends_its_answer(server: Running) -> None:
    asked = {"model": server.served.id, "messages": [{"role": "user", "content": "Go on"}], "max_tokens": 1900}
    with server.client.stream("POST", "/v1/chat/completions", json={**asked, "stream": True}) as response:
        next(response.iter_lines())
        assert server.engine.load == 1
    server.wait_idle(2)

    def give_up() -> None:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(
                server.url + "/v1/chat/completions", json=asked, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=0.3
            )

    thread = threading.Thread(target=give_up)
    thread.start()
    thread.join()
    server.wait_idle(2)
