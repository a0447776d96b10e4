"""The API answers as OpenAI's does, to the byte where clients look."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving import TOKEN, Running, commit

from emendo.models import ORIGINAL, EditableModel, chat_prompt, encode, generate
from tiny_models import random_delta

QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
SNAPSHOT = Path(__file__).with_name("stream.snapshot")


def chat(server: Running, **fields: Any) -> dict[str, Any]:
    body = {"model": server.served.id, "messages": QUESTION, "temperature": 0, "max_tokens": 8, **fields}
    response = server.client.post("/v1/chat/completions", json=body)
    assert response.status_code == 200, response.text
    return response.json()


def complete(server: Running, **fields: Any) -> dict[str, Any]:
    body = {"model": server.served.id, "prompt": "The capital of", "temperature": 0, "max_tokens": 8, **fields}
    response = server.client.post("/v1/completions", json=body)
    assert response.status_code == 200, response.text
    return response.json()


def refused(server: Running, path: str = "/v1/chat/completions", **fields: Any) -> httpx.Response:
    body = {"model": server.served.id, "messages": QUESTION, "max_tokens": 2, **fields}
    return server.client.post(path, json=body)


def stream(server: Running, path: str = "/v1/chat/completions", **fields: Any) -> list[Any]:
    body = {"model": server.served.id, "messages": QUESTION, "temperature": 0, "max_tokens": 8, "stream": True, **fields}
    with server.client.stream("POST", path, json=body) as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        lines = [line for line in response.iter_lines() if line]
    assert all(line.startswith("data: ") for line in lines)
    assert lines[-1] == "data: [DONE]"
    return [json.loads(line[6:]) for line in lines[:-1]]


def said(twin: EditableModel, most: int = 8, **options: Any) -> str:
    return generate(twin, [chat_prompt(twin, QUESTION)], max_new_tokens=most, **options)[0].text


def test_a_chat_answer_is_what_the_model_says(server: Running, twin: EditableModel) -> None:
    answer = chat(server)
    assert answer["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": said(twin), "refusal": None},
            "logprobs": None,
            "finish_reason": "length",
        }
    ]
    prompt = len(chat_prompt(twin, QUESTION))
    assert answer["usage"] == {"prompt_tokens": prompt, "completion_tokens": 8, "total_tokens": prompt + 8}
    assert answer["object"] == "chat.completion"
    assert answer["model"] == server.served.id
    assert answer["system_fingerprint"] == "original"
    assert re.fullmatch(r"chatcmpl-[0-9a-f]{24}", answer["id"])


def test_a_stream_has_role_content_reason_usage_and_done(server: Running, twin: EditableModel) -> None:
    chunks = stream(server, stream_options={"include_usage": True})
    assert {(c["id"], c["created"], c["model"], c["object"]) for c in chunks} == {
        (chunks[0]["id"], chunks[0]["created"], server.served.id, "chat.completion.chunk")
    }
    *told, end, used = chunks
    assert told[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert "".join(c["choices"][0]["delta"]["content"] for c in told) == said(twin)
    assert all(c["choices"][0]["finish_reason"] is None for c in told)
    assert end["choices"][0]["delta"] == {}
    assert end["choices"][0]["finish_reason"] == "length"
    assert [c["usage"] for c in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert used["choices"] == []
    assert used["usage"]["completion_tokens"] == 8


def test_without_asking_there_is_no_usage(server: Running) -> None:
    assert all("usage" not in chunk and chunk["choices"] for chunk in stream(server))


def test_the_bytes_of_a_stream_are_those_of_the_snapshot(server: Running) -> None:
    body = {
        "model": f"{server.served.id}:original",
        "messages": QUESTION,
        "temperature": 0,
        "max_tokens": 3,
        "stream": True,
        "stream_options": {"include_usage": True},
        "logit_bias": {encode(server.model, "e")[0]: 100},
    }
    raw = server.client.post("/v1/chat/completions", json=body).text
    prompt = len(chat_prompt(server.model, QUESTION))
    used = f'"prompt_tokens":{prompt},"completion_tokens":3,"total_tokens":{prompt + 3}'
    assert used in raw
    raw = raw.replace(used, '"prompt_tokens":PP,"completion_tokens":3,"total_tokens":TT')
    raw = re.sub(r"chatcmpl-[0-9a-f]{24}", "chatcmpl-ID", re.sub(r'"created":\d+', '"created":0', raw))
    assert raw == SNAPSHOT.read_text(encoding="utf-8")


def test_comments_keep_a_silent_stream_alive(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emendo.serve.streams.KEEP_ALIVE_SECONDS", 0.001)
    body = {"model": server.served.id, "messages": QUESTION, "max_tokens": 20, "stream": True}
    text = server.client.post("/v1/chat/completions", json=body).text
    assert ": keep-alive\n\n" in text
    assert text.endswith("data: [DONE]\n\n")


def test_logprobs_are_told_with_bytes_and_the_likeliest(server: Running) -> None:
    content = chat(server, logprobs=True, top_logprobs=3)["choices"][0]["logprobs"]["content"]
    assert len(content) == 8
    for token in content:
        assert token["top_logprobs"][0] == {name: token[name] for name in ("token", "logprob", "bytes")}
        assert len(token["top_logprobs"]) == 3
        if token["bytes"] is not None:
            assert bytes(token["bytes"]).decode() == token["token"]
    streamed = stream(server, logprobs=True, top_logprobs=3)
    told = [t for c in streamed if c["choices"][0]["logprobs"] for t in c["choices"][0]["logprobs"]["content"]]
    assert [t["token"] for t in told] == [t["token"] for t in content]


def test_several_answers_have_numbers_and_seeds_of_their_own(server: Running, twin: EditableModel) -> None:
    answer = chat(server, n=3, temperature=1.0, seed=11)
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]
    for number, choice in enumerate(answer["choices"]):
        assert choice["message"]["content"] == said(twin, temperature=1.0, seed=11 + number)
    assert answer["usage"]["completion_tokens"] == 24
    assert answer["usage"]["prompt_tokens"] == len(chat_prompt(twin, QUESTION))
    assert chat(server, n=3, temperature=1.0, seed=11)["choices"] == answer["choices"]
    assert {chunk["choices"][0]["index"] for chunk in stream(server, n=3)} == {0, 1, 2}


@pytest.mark.parametrize("stop", [1, 3])
def test_stop_strings_end_the_answer_and_are_left_out(server: Running, twin: EditableModel, stop: int) -> None:
    whole = said(twin, 40)
    end = whole[10 : 10 + stop]
    answer = chat(server, max_tokens=40, stop=[end, "unheard of"])["choices"][0]
    assert answer["message"]["content"] == whole[: whole.index(end)]
    assert answer["finish_reason"] == "stop"
    streamed = "".join(c["choices"][0]["delta"].get("content", "") for c in stream(server, max_tokens=40, stop=end))
    assert streamed == answer["message"]["content"]


def test_max_completion_tokens_comes_before_max_tokens(server: Running) -> None:
    assert chat(server, max_tokens=8, max_completion_tokens=3)["usage"]["completion_tokens"] == 3


def test_messages_may_come_in_parts_and_unknown_fields_are_passed_over(server: Running, twin: EditableModel) -> None:
    parts = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Hello"}, {"type": "text", "text": "there"}], "name": "Ada"},
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "user", "content": "Go on"},
    ]
    plain = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello\nthere"},
        {"role": "assistant", "content": ""},
        {"role": "user", "content": "Go on"},
    ]
    answer = chat(server, messages=parts, store=False, user="x", metadata={"a": "b"}, service_tier="auto")
    expected = generate(twin, [chat_prompt(twin, plain)], max_new_tokens=8)[0].text
    assert answer["choices"][0]["message"]["content"] == expected


def test_models_have_an_id_for_each_revision(server: Running, twin: EditableModel) -> None:
    delta = random_delta(server.model, (1, 2), seed=3)
    entry = commit(server.served, delta)
    served = server.served.id
    try:
        listed = [model["id"] for model in server.client.get("/v1/models").json()["data"]]
        assert listed[:3] == [served, f"{served}:original", f"{served}:rev-{entry.revision}"]
        for id in listed:
            assert server.client.get(f"/v1/models/{id}").json() == {
                "id": id,
                "object": "model",
                "created": 0,
                "owned_by": "emendo",
            }
        edited, original = said(twin, revisions=[server.current]), said(twin)
        assert edited != original
        for model, text, fingerprint in (
            (served, edited, f"rev-{entry.revision}"),
            (f"{served}:rev-{entry.revision}", edited, f"rev-{entry.revision}"),
            (f"{served}:rev-{entry.revision[:6]}", edited, f"rev-{entry.revision}"),
            (f"{served}:original", original, "original"),
        ):
            answer = chat(server, model=model)
            assert answer["choices"][0]["message"]["content"] == text
            assert answer["model"] == model
            assert answer["system_fingerprint"] == fingerprint
    finally:
        server.served.ledger.revert_all("Ada", "")
    assert chat(server, model=f"{served}:rev-{entry.revision}")["choices"][0]["message"]["content"] == edited
    assert chat(server)["choices"][0]["message"]["content"] == original


@pytest.mark.parametrize(
    "suffix", [":", ":newest", ":rev-", ":rev-ffffffffffff", ":rev-xyz", "x", ":original:original", ":1"]
)
def test_unknown_models_are_not_found(server: Running, suffix: str) -> None:
    response = refused(server, model=server.served.id + suffix)
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "model_not_found"
    assert response.json()["error"]["param"] == "model"
    assert server.client.get(f"/v1/models/{server.served.id}{suffix}").status_code == 404


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/responses", "/v1", "/v1/", "/v1/chat"])
def test_unknown_addresses_answer_in_the_same_shape(server: Running, path: str) -> None:
    response = server.client.post(path, json={})
    assert response.status_code in (404, 405)
    assert set(response.json()["error"]) == {"message", "type", "param", "code", "id"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", 2.1),
        ("temperature", -0.1),
        ("top_p", 0),
        ("top_p", 1.1),
        ("max_tokens", 0),
        ("max_completion_tokens", -1),
        ("stop", ["a", "b", "c", "d", "e"]),
        ("stop", ""),
        ("n", 0),
        ("n", 9),
        ("top_logprobs", 21),
        ("frequency_penalty", 2.5),
        ("presence_penalty", -3),
        ("logit_bias", {"5": 101}),
        ("logit_bias", {"x": 1}),
        ("logit_bias", {"100000": 1}),
        ("messages", []),
        ("messages", "hello"),
        ("messages", [{"role": "tool", "content": "a"}]),
        ("messages", [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]),
        ("model", None),
    ],
)
def test_what_is_out_of_bounds_is_a_bad_request_that_names_the_field(server: Running, field: str, value: Any) -> None:
    extra = {"logprobs": True} if field == "top_logprobs" else {}
    response = refused(server, **{field: value}, **extra, stream=True)
    assert response.status_code == 400, response.text
    error = response.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert (error["param"] or "").split(".")[0] == field


def test_top_logprobs_need_logprobs(server: Running) -> None:
    assert refused(server, top_logprobs=3).json()["error"]["param"] == "top_logprobs"


def test_what_does_not_fit_the_context_is_refused_before_the_stream(server: Running) -> None:
    response = refused(server, max_tokens=5000, stream=True)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "context_length_exceeded"


def test_too_many_questions_are_told_to_come_back(server: Running) -> None:
    body = {"model": server.served.id, "messages": QUESTION, "max_tokens": 1500, "stream": True}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    clients = [httpx.Client(base_url=server.url, headers=headers) for _ in range(9)]
    streams = [
        client.send(client.build_request("POST", "/v1/chat/completions", json=body), stream=True) for client in clients
    ]
    response = server.client.post("/v1/chat/completions", json=body)
    for running, client in zip(streams, clients, strict=True):
        running.close()
        client.close()
    assert response.status_code == 429
    assert int(response.headers["Retry-After"]) > 0
    assert response.json()["error"]["code"] == "rate_limit_exceeded"
    server.wait_idle()


def test_an_error_within_a_stream_is_told_in_it(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("/a/secret/path is broken")

    monkeypatch.setattr("emendo.models.batch.Batch.choose", broken)
    body = {"model": server.served.id, "messages": QUESTION, "stream": True}
    response = server.client.post("/v1/chat/completions", json=body)
    assert response.status_code == 200
    error = json.loads(response.text.strip().split("\n\n")[-1].removeprefix("data: "))["error"]
    assert error["code"] == "internal_error"
    assert "secret" not in response.text
    assert "[DONE]" not in response.text


def test_completions_of_texts_and_of_tokens_are_equal(server: Running, twin: EditableModel) -> None:
    ids = encode(twin, "The capital of")
    expected = generate(twin, [ids], max_new_tokens=8)[0].text
    assert complete(server)["choices"][0]["text"] == expected
    assert complete(server, prompt=ids)["choices"][0]["text"] == expected
    many = complete(server, prompt=[ids, encode(twin, "Texas"), ids], n=2, temperature=1.0, seed=3)
    assert [choice["index"] for choice in many["choices"]] == list(range(6))
    assert many["usage"]["prompt_tokens"] == 2 * len(ids) + len(encode(twin, "Texas"))
    for at, text in enumerate(["The capital of", "Texas", "The capital of"]):
        for number in (0, 1):
            alone = generate(twin, [encode(twin, text)], max_new_tokens=8, temperature=1.0, seed=3 + number)[0].text
            assert many["choices"][2 * at + number]["text"] == alone
    streamed = stream(server, "/v1/completions", prompt="The capital of")
    assert "".join(chunk["choices"][0]["text"] for chunk in streamed) == expected


def test_echo_with_logprobs_scores_every_token_of_the_prompt(server: Running, twin: EditableModel) -> None:
    ids = encode(twin, "The capital of France is Paris")
    choice = complete(server, prompt=[ids], echo=True, logprobs=1, max_tokens=1)["choices"][0]
    scored = choice["logprobs"]
    assert len(scored["tokens"]) == len(scored["token_logprobs"]) == len(scored["top_logprobs"]) == len(ids) + 1
    assert scored["token_logprobs"][0] is None
    assert scored["top_logprobs"][0] is None
    assert all(len(top) == 1 for top in scored["top_logprobs"][1:])
    assert choice["text"].startswith("The capital of France is Paris")
    offsets = scored["text_offset"]
    assert [choice["text"][a:b] for a, b in zip(offsets, [*offsets[1:], None], strict=True)][:5] == scored["tokens"][:5]
    silent = complete(server, prompt=[ids], echo=True, logprobs=1, max_tokens=0)["choices"][0]
    assert silent["logprobs"]["token_logprobs"] == pytest.approx(scored["token_logprobs"][:-1], abs=1e-5, nan_ok=True) or (
        silent["logprobs"]["token_logprobs"][1:] == pytest.approx(scored["token_logprobs"][1:-1], abs=1e-5)
    )
    assert silent["text"] == "The capital of France is Paris"


def test_a_token_that_ends_the_answer_is_scored_like_the_others(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    model = server.model
    ids = encode(model, "The capital of")
    first = generate(model, [ids], max_new_tokens=1)[0].token_ids[0]
    monkeypatch.setattr(model, "stop_ids", frozenset({first}))
    choice = complete(server, prompt=[ids], echo=True, logprobs=1, max_tokens=1)["choices"][0]
    assert len(choice["logprobs"]["token_logprobs"]) == len(ids) + 1
    assert choice["finish_reason"] == "stop"


@pytest.mark.parametrize("prompt", [[], [[]], [[100000]], [[-1]], "", [""], [1, "a"], {"a": 1}, [[1]] * 65])
def test_prompts_that_are_none_are_refused(server: Running, prompt: Any) -> None:
    assert refused(server, "/v1/completions", prompt=prompt).status_code == 400


def test_nothing_that_is_edited_reaches_the_original(server: Running, twin: EditableModel) -> None:
    before = complete(server, model=f"{server.served.id}:original", logprobs=5)
    commit(server.served, random_delta(server.model, (0, 1, 2, 3), seed=9))
    try:
        complete(server)
        after = complete(server, model=f"{server.served.id}:original", logprobs=5)
        assert after["choices"] == before["choices"]
        expected = generate(twin, [encode(twin, "The capital of")], [ORIGINAL], max_new_tokens=8)[0].text
        assert after["choices"][0]["text"] == expected
    finally:
        server.served.ledger.revert_all("Ada", "")
