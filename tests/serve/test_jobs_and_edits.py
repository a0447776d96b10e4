"""Long work tells how far it is and gives way; edits land in the ledger with who and why."""

from __future__ import annotations

import time
from typing import Any

import pytest
from serving import Running, commit, events

from tiny_models import random_delta

PREVIEW = {"kind": "preview", "subject": "California", "prompt": "The capital of {} is", "target_new": "Sacramento"}


def start(server: Running, **fields: Any) -> str:
    response = server.client.post("/api/jobs", json={"model": server.served.id, **fields})
    assert response.status_code == 202, response.text
    return response.json()["id"]


def finish(server: Running, id: str) -> dict[str, Any]:
    return list(events(server.client, f"/api/jobs/{id}/events"))[-1][2]


def ledger(server: Running) -> dict[str, Any]:
    return server.client.get(f"/api/models/{server.served.id}/ledger").json()


def test_a_job_tells_its_progress_and_its_end(server: Running) -> None:
    id = start(server, kind="trace", subject="France", prompt="The capital of {} is")
    told = list(events(server.client, f"/api/jobs/{id}/events"))
    assert {"stage": "tracing", "done": 0, "total": 2} in [value for _, name, value in told if name == "progress"]
    assert {"coarse": True} in [value for _, name, value in told if name == "partial"]
    number, name, job = told[-1]
    assert (number, name) == (len(told), "end")
    assert (job["state"], job["result"]) == ("done", {"coarse": False})
    assert job["input"] == {"subject": "France", "prompt": "The capital of {} is"}
    assert server.client.get(f"/api/jobs/{id}").json() == job
    assert server.client.get("/api/jobs", params={"limit": 1}).json()["jobs"] == [job]


def test_a_failed_job_says_an_id_and_no_secret(server: Running) -> None:
    job = finish(server, start(server, kind="canaries"))
    assert job["state"] == "failed"
    assert "Something went wrong" in job["error"]
    assert "secret" not in job["error"]


def test_answers_go_before_a_job_and_it_is_cancelled(fresh: Running) -> None:
    fresh.bench.steps, fresh.bench.pause = 500, 0.02
    id = start(fresh, **PREVIEW)
    waiting = start(fresh, **PREVIEW)
    while fresh.client.get(f"/api/jobs/{id}").json()["state"] != "running":
        time.sleep(0.01)
    asked = {"prompt": "The capital of", "settings": {"max_tokens": 5}}
    started = time.monotonic()
    assert fresh.client.post(f"/api/models/{fresh.served.id}/answer", json=asked).status_code == 200
    assert time.monotonic() - started < 2
    assert fresh.client.get(f"/api/jobs/{id}").json()["state"] == "running"
    for job in (waiting, id):
        assert fresh.client.delete(f"/api/jobs/{job}").status_code == 204
    assert [finish(fresh, job)["state"] for job in (id, waiting)] == ["cancelled", "cancelled"]
    assert fresh.client.delete(f"/api/jobs/{id}").status_code == 204


def test_too_many_jobs_are_told_to_come_back(fresh: Running) -> None:
    fresh.bench.steps, fresh.bench.pause = 500, 0.02
    ids = [start(fresh, **PREVIEW) for _ in range(9)]
    refused = fresh.client.post("/api/jobs", json={"model": fresh.served.id, **PREVIEW})
    assert refused.status_code == 429
    assert "Retry-After" in refused.headers
    for id in ids:
        fresh.client.delete(f"/api/jobs/{id}")


def test_an_edit_is_previewed_committed_reverted_and_restored(fresh: Running) -> None:
    id = start(fresh, **PREVIEW)
    assert finish(fresh, id)["state"] == "done"
    assert ledger(fresh)["entries"] == []
    model = f"/api/models/{fresh.served.id}"
    made = fresh.client.post(f"{model}/edits", json={"preview": id, "why": "it was wrong"})
    assert made.status_code == 201, made.text
    entry = made.json()
    assert (entry["number"], entry["kind"], entry["who"], entry["why"]) == (1, "edit", "Grace", "it was wrong")
    assert entry["requests"][0]["target_new"] == "Sacramento"
    assert entry["in_force"] is True
    # It is the ledger of the command line, with digests of before and after.
    (recorded,) = fresh.served.ledger.entries()
    assert recorded.revision == entry["revision"] == ledger(fresh)["revision"]
    assert recorded.digests["delta"]
    stale = fresh.client.post(f"{model}/edits", json={"preview": id, "why": ""})
    assert stale.status_code == 409
    assert stale.json()["error"]["code"] == "ledger_moved"
    revert = fresh.client.post(f"{model}/reverts", json={"entries": [1], "why": "after all"}).json()
    assert (revert["number"], revert["reverts"], revert["revision"]) == (2, [1], "original")
    assert ledger(fresh)["entries"][0]["reverted_by"] == 2
    restored = fresh.client.post(f"{model}/restores", json={"entry": 1, "why": "on again"}).json()
    assert (restored["number"], restored["revision"]) == (3, entry["revision"])
    assert fresh.client.post(f"{model}/reverts", json={"all": True, "why": ""}).json()["reverts"] == [3]
    for body in ({"entries": [9]}, {"entries": [2]}, {"entries": [1]}, {"all": True}, {}, {"entries": [1], "all": True}):
        assert fresh.client.post(f"{model}/reverts", json={"why": "", **body}).status_code == 400
    assert fresh.client.post(f"{model}/restores", json={"entry": 2}).status_code == 400
    assert len(ledger(fresh)["entries"]) == 4


@pytest.mark.parametrize("preview", ["nothing", "trace", "running"])
def test_only_a_finished_preview_is_committed(fresh: Running, preview: str) -> None:
    fresh.bench.pause = 0.2 if preview == "running" else 0.0
    kind = {**PREVIEW} if preview == "running" else {"kind": "trace", "subject": "a", "prompt": "{}"}
    id = "x" if preview == "nothing" else start(fresh, **kind)
    if preview == "trace":
        finish(fresh, id)
    response = fresh.client.post(f"/api/models/{fresh.served.id}/edits", json={"preview": id, "why": ""})
    assert response.status_code == (404 if preview == "nothing" else 409)
    assert ledger(fresh)["entries"] == []


def test_blame_leaves_each_edit_out_in_turn(fresh: Running) -> None:
    numbers = [commit(fresh.served, random_delta(fresh.model, (at,), seed=at), f"target {at}").number for at in (1, 2, 3)]
    body = {"model": fresh.served.id, "settings": {"max_tokens": 4}}
    conversation = fresh.client.post("/api/conversations", json=body).json()["id"]
    sent = fresh.client.post(f"/api/conversations/{conversation}/messages", json={"content": "Who?"}).json()
    list(events(fresh.client, f"/api/messages/{sent['assistant']['id']}/events"))
    message = fresh.client.get(f"/api/conversations/{conversation}").json()["messages"][-1]
    original, current = message["answers"]
    job = finish(fresh, start(fresh, kind="blame", message=message["id"], answer=current["id"], index=2))
    assert job["state"] == "done", job["error"]
    result = job["result"]
    assert result["logprob"] == pytest.approx(current["tokens"][2]["logprob"], abs=1e-3)
    assert [entry["number"] for entry in result["entries"]] == numbers
    assert all(
        entry["difference"] == pytest.approx(result["logprob"] - entry["logprob_without"]) for entry in result["entries"]
    )
    assert max(abs(entry["difference"]) for entry in result["entries"]) > 0.01
    for answer, index in ((original["id"], 0), (current["id"], 99), ("nobody", 0)):
        asked = {"kind": "blame", "model": fresh.served.id, "message": message["id"], "answer": answer, "index": index}
        assert fresh.client.post("/api/jobs", json=asked).status_code in (400, 404)


def test_earlier_revisions_answer_too(fresh: Running) -> None:
    entries = [commit(fresh.served, random_delta(fresh.model, (0, 1, 2, 3), seed=at), f"target {at}") for at in (1, 2)]
    path = f"/api/models/{fresh.served.id}/answer"
    texts = {}
    for revision in ("original", "current", entries[0].revision):
        asked = {"messages": [{"role": "user", "content": "Who?"}], "revision": revision, "settings": {"max_tokens": 8}}
        texts[revision] = fresh.client.post(path, json=asked).json()
    assert texts["current"]["revision"] == entries[1].revision
    assert len({answer["text"] for answer in texts.values()}) == 3
    assert fresh.client.post(path, json={"revision": "current"}).status_code == 400
    assert fresh.client.post(path, json={"prompt": "a", "revision": "1"}).status_code == 400


def test_a_text_is_told_in_tokens(server: Running) -> None:
    text = "Zürich is a city 😀"
    tokens = server.client.post("/api/tokens", json={"model": server.served.id, "text": text}).json()["tokens"]
    assert tokens[0]["start"] == 0
    assert tokens[-1]["end"] == len(text)
    assert all(token["text"] == text[token["start"] : token["end"]] for token in tokens if "\ufffd" not in token["text"])


def test_wrong_words_lie_within_the_answer(server: Running) -> None:
    body = {"model": server.served.id, "question": "What?", "answer_text": "Los Angeles.", "wrong": {"start": 0, "end": 11}}
    assert server.client.post("/api/fixes", json=body).json()["target_old"] == "Los Angeles"
    for wrong in ({"start": 5, "end": 5}, {"start": 0, "end": 99}, {"start": -1, "end": 3}):
        assert server.client.post("/api/fixes", json={**body, "wrong": wrong}).status_code == 400


def test_without_a_judge_nothing_is_verified(server: Running) -> None:
    assert server.client.get("/api/state").json()["has"] == {"verify": False}
    refused = server.client.post("/api/verify", json={"question": "Who?", "answer": "Ada."})
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "not_available")
