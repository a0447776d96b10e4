"""Conversations: versions, twin answers, what each pane remembers, and what outlives a reload or a restart."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from serving import Running, commit, events, running

from emendo.errors import DataUnavailable
from emendo.models import ORIGINAL, EditableModel, Revision, chat_prompt, generate
from emendo.serve.migrations import MIGRATIONS
from emendo.serve.records import new_answer
from emendo.serve.shapes import Settings
from emendo.serve.store import Store
from tiny_models import random_delta

SHORT = {"max_tokens": 8}


def begin(server: Running, **fields: Any) -> str:
    made = server.client.post("/api/conversations", json={"model": server.served.id, "settings": SHORT, **fields})
    assert made.status_code == 201, made.text
    return made.json()["id"]


def say(server: Running, conversation: str, content: str, **fields: Any) -> dict[str, Any]:
    sent = server.client.post(f"/api/conversations/{conversation}/messages", json={"content": content, **fields})
    assert sent.status_code == 201, sent.text
    return sent.json()


def read(server: Running, message: str, **parameters: Any) -> list[tuple[int, str, Any]]:
    return list(events(server.client, f"/api/messages/{message}/events", **parameters))


def ask(server: Running, conversation: str, content: str, **fields: Any) -> dict[str, Any]:
    """The assistant's message, answered."""
    sent = say(server, conversation, content, **fields)
    read(server, sent["assistant"]["id"])
    whole = server.client.get(f"/api/conversations/{conversation}").json()
    return next(message for message in whole["messages"] if message["id"] == sent["assistant"]["id"])


def expected(twin: EditableModel, revision: Revision, *turns: str, system: str | None = None) -> str:
    roles = ("user", "assistant")
    messages = [{"role": roles[at % 2], "content": turn} for at, turn in enumerate(turns)]
    messages = [{"role": "system", "content": system}, *messages] if system else messages
    return generate(twin, [chat_prompt(twin, messages)], [revision], max_new_tokens=8)[0].text


@pytest.fixture
def edited(server: Running) -> Any:
    """The server with an edit in force, which is taken back afterwards."""
    commit(server.served, random_delta(server.model, (1, 2), seed=3))
    yield server.current
    server.served.ledger.revert_all("Ada", "")


def test_both_panes_answer_and_remember_their_own_words(server: Running, twin: EditableModel, edited: Revision) -> None:
    conversation = begin(server, system="Be brief.")
    first = ask(server, conversation, "Who?")
    texts = [answer["content"] for answer in first["answers"]]
    assert texts == [expected(twin, revision, "Who?", system="Be brief.") for revision in (ORIGINAL, edited)]
    assert texts[0] != texts[1]
    assert [answer["revision"] for answer in first["answers"]] == ["original", edited.id]
    second = ask(server, conversation, "And?", parent=first["id"])
    for answer, own, revision in zip(second["answers"], texts, (ORIGINAL, edited), strict=True):
        assert answer["content"] == expected(twin, revision, "Who?", own, "And?", system="Be brief.")


def test_the_stream_tells_tokens_pairs_and_ends(server: Running, edited: Revision) -> None:
    sent = say(server, begin(server), "Who?")
    told = read(server, sent["assistant"]["id"])
    assert [number for number, _, _ in told] == list(range(1, len(told) + 1))
    assert told[-1][1:] == ("done", {})
    whole = server.client.get(
        f"/api/conversations/{server.client.get('/api/conversations').json()['conversations'][0]['id']}"
    )
    message = whole.json()["messages"][-1]
    for answer in message["answers"]:
        tokens = [value for _, name, value in told if name == "token" and value["answer"] == answer["id"]]
        assert [{key: token[key] for key in ("id", "text", "start", "end", "logprob", "top")} for token in tokens] == (
            answer["tokens"]
        )
        assert [token["index"] for token in tokens] == list(range(8))
        for token in tokens:
            assert answer["content"][token["start"] : token["end"]] == token["text"]
            assert len(token["top"]) == 5
        end = next(value for _, name, value in told if name == "end" and value["answer"] == answer["id"])
        assert (end["state"], end["content"]) == ("done", answer["content"])
        assert answer["state"] == "done"
    pairs = [value for _, name, value in told if name == "pair"]
    assert [pair["divergence"] for pair in pairs] == message["divergence"]
    assert pairs[-1]["differs"]
    assert message["first_difference"] == len(pairs) - 1


def test_a_reader_goes_on_where_it_was(server: Running) -> None:
    message = say(server, begin(server), "Who?")["assistant"]["id"]
    whole = read(server, message)
    assert read(server, message, after=5) == whole[5:]
    response = server.client.get(f"/api/messages/{message}/events", headers={"Last-Event-ID": "7"})
    assert response.text.startswith("id: 8\n")


def test_an_answer_goes_on_though_nobody_listens(server: Running) -> None:
    conversation = begin(server)
    say(server, conversation, "Who?")
    server.wait_idle()
    message = server.client.get(f"/api/conversations/{conversation}").json()["messages"][-1]
    assert read(server, message["id"])[-1][1] == "done"
    message = server.client.get(f"/api/conversations/{conversation}").json()["messages"][-1]
    assert {answer["state"] for answer in message["answers"]} == {"done"}


def test_stop_stops_the_server(server: Running) -> None:
    conversation = begin(server, settings={"max_tokens": 1500})
    sent = say(server, conversation, "Go on")
    stream = events(server.client, f"/api/messages/{sent['assistant']['id']}/events")
    while next(stream)[1] != "token":
        pass
    stream.close()
    assert server.client.post(f"/api/messages/{sent['assistant']['id']}/stop").status_code == 204
    server.wait_idle(2)
    read(server, sent["assistant"]["id"])
    message = server.client.get(f"/api/conversations/{conversation}").json()["messages"][-1]
    for answer in message["answers"]:
        assert answer["state"] == "stopped"
        assert answer["finish_reason"] == "cancelled"
        assert 0 < len(answer["tokens"]) < 1500
        assert answer["content"] == "".join(token["text"] for token in answer["tokens"])


def test_a_sent_message_is_edited_and_an_answer_made_anew(server: Running, twin: EditableModel) -> None:
    conversation = begin(server)
    first = ask(server, conversation, "Who?", revisions=["original"])
    other = ask(server, conversation, "What?", revisions=["original"])
    assert first["parent"] != other["parent"]
    again = server.client.post(
        f"/api/messages/{first['parent']}/answers",
        json={"revisions": ["original"], "settings": {"temperature": 1.0, "seed": 5}},
    ).json()["assistant"]
    read(server, again["id"])
    messages = server.client.get(f"/api/conversations/{conversation}").json()["messages"]
    assert [m["content"] for m in messages if m["role"] == "user" and m["parent"] is None] == ["Who?", "What?"]
    versions = [m for m in messages if m["parent"] == first["parent"]]
    assert [m["id"] for m in versions] == [first["id"], again["id"]]
    assert versions[1]["answers"][0]["seed"] == 5
    drawn = generate(twin, [chat_prompt(twin, "Who?")], max_new_tokens=8, temperature=1.0, seed=5)[0].text
    assert versions[1]["answers"][0]["content"] == drawn
    assert versions[0]["divergence"] is None


def test_a_message_is_replayed_at_another_revision(server: Running, twin: EditableModel, edited: Revision) -> None:
    conversation = begin(server)
    first = ask(server, conversation, "Who?", revisions=["original"])
    replay = server.client.post(f"/api/messages/{first['parent']}/answers", json={"revisions": [edited.id]}).json()
    read(server, replay["assistant"]["id"])
    message = server.client.get(f"/api/conversations/{conversation}").json()["messages"][-1]
    assert message["answers"][0]["content"] == expected(twin, edited, "Who?")
    missing = server.client.post(f"/api/messages/{first['parent']}/answers", json={"revisions": ["ffffffffffff"]})
    assert missing.status_code == 404


def test_what_cannot_be_answered_is_not_kept(server: Running) -> None:
    conversation = begin(server)
    long = server.client.post(f"/api/conversations/{conversation}/messages", json={"content": "unkeepable " * 1000})
    assert long.status_code == 400
    assert long.json()["error"]["code"] == "context_length_exceeded"
    assert server.client.get(f"/api/conversations/{conversation}").json()["messages"] == []
    assert server.client.get("/api/conversations", params={"query": "unkeepable"}).json()["conversations"] == []


def test_conversations_are_searched_by_words_of_either_side(server: Running) -> None:
    conversation = begin(server)
    message = ask(server, conversation, 'A zebrafish "quoted" crème brûlée', revisions=["original"])
    other = begin(server)
    ask(server, other, "Nothing of the kind")

    def found(query: str) -> list[str]:
        listed = server.client.get("/api/conversations", params={"query": query})
        assert listed.status_code == 200, listed.text
        return [item["id"] for item in listed.json()["conversations"]]

    for query in ("zebrafish", "ZEBRA", "quoted zebrafish", '"quoted"', "creme brulee"):
        assert found(query) == [conversation]
    for query in ("unheardof", "NEAR(", "AND OR NOT", '"', "*", "-", "a:b", "zebrafish kind"):
        assert conversation not in found(query) or query in ('"', "*", "-")
    snippet = server.client.get("/api/conversations", params={"query": "zebrafish"}).json()["conversations"][0]["snippet"]
    assert "\x01zebrafish\x02" in snippet
    answered = next((word for word in message["answers"][0]["content"].split() if word.isalnum() and len(word) > 2), None)
    assert answered is None or conversation in found(answered)


def test_conversations_are_listed_newest_first_in_pages(fresh: Running) -> None:
    made = [begin(fresh) for _ in range(5)]
    assert fresh.client.patch(f"/api/conversations/{made[0]}", json={"title": "Renamed"}).json()["title"] == "Renamed"
    listed = fresh.client.get("/api/conversations", params={"limit": 2}).json()["conversations"]
    assert [item["id"] for item in listed] == [made[0], made[4]]
    rest = fresh.client.get("/api/conversations", params={"before": listed[-1]["updated"]}).json()["conversations"]
    assert [item["id"] for item in rest] == [made[3], made[2], made[1]]


def test_a_conversation_is_changed_and_deleted(server: Running) -> None:
    conversation = begin(server)
    path = f"/api/conversations/{conversation}"
    changed = server.client.patch(path, json={"system": "Rhyme.", "settings": {"temperature": 0.5}}).json()
    assert (changed["system"], changed["settings"]["temperature"], changed["settings"]["max_tokens"]) == ("Rhyme.", 0.5, 8)
    assert server.client.patch(path, json={"system": None}).json()["system"] is None
    assert server.client.patch(path, json={"model": "nobody"}).status_code == 404
    say(server, conversation, "deletable", settings={"max_tokens": 1500})
    assert server.client.delete(path).status_code == 204
    server.wait_idle(2)
    assert server.client.get(path).status_code == 404
    assert server.client.delete(path).json()["error"]["code"] == "conversation_not_found"
    assert server.client.get("/api/conversations", params={"query": "deletable"}).json()["conversations"] == []


def test_the_first_words_make_the_title(server: Running) -> None:
    conversation = begin(server)
    ask(server, conversation, "  What is\n the capital of " + "France and " * 10)
    title = server.client.get(f"/api/conversations/{conversation}").json()["title"]
    assert title.startswith("What is the capital of France and")
    assert len(title) <= 60


def test_a_conversation_is_exported(server: Running) -> None:
    conversation = begin(server, system="Be brief.")
    answer = ask(server, conversation, "Who?")["answers"][0]["content"]
    path = f"/api/conversations/{conversation}/export"
    whole = server.client.get(path)
    assert whole.json() == server.client.get(f"/api/conversations/{conversation}").json()
    assert "attachment" in whole.headers["Content-Disposition"]
    text = server.client.get(path, params={"format": "markdown"}).text
    assert all(part in text for part in ("Be brief.", "Who?", answer.strip(), "original"))


def test_two_tabs_agree(server: Running) -> None:
    stream = events(server.client, "/api/events", after=0)
    conversation = begin(server)
    server.client.delete(f"/api/conversations/{conversation}")
    seen: list[tuple[str, Any]] = []
    while ("conversation", {"id": conversation, "deleted": True}) not in seen:
        seen.append(next(stream)[1:])
    assert ("conversation", {"id": conversation}) in seen
    stream.close()


def test_what_the_command_line_edits_is_told_too(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = server.client.get("/api/state").json()["models"][0]["revision"]
    stream = events(server.client, "/api/events")
    entry = commit(server.served, random_delta(server.model, (2,), seed=8))
    try:
        told = next(event for event in stream if event[1] == "ledger")
        assert told[2] == {"model": server.served.id, "revision": entry.revision}
        assert entry.revision != seen
    finally:
        stream.close()
        server.served.ledger.revert_all("Ada", "")


def test_a_restart_keeps_conversations_and_revisions(talker: EditableModel, tmp_path: Path) -> None:
    with running(tmp_path, talker) as server:
        commit(server.served, random_delta(server.model, (1,), seed=3))
        conversation = begin(server)
        message = ask(server, conversation, "Who?")
        before = server.client.get(f"/api/conversations/{conversation}").json()
        told = [event for event in read(server, message["id"]) if event[1] == "token"]
    with running(tmp_path, talker) as server:
        assert server.client.get(f"/api/conversations/{conversation}").json() == before
        again = [event for event in read(server, message["id"]) if event[1] == "token"]
        assert sorted(str(event[2]) for event in again) == sorted(str(event[2]) for event in told)
        assert len(ask(server, conversation, "And?", parent=message["id"])["answers"]) == 2


def test_models_keep_their_conversations_and_ledgers_apart(
    talker: EditableModel, tiny: EditableModel, twin: EditableModel, tmp_path: Path
) -> None:
    with running(tmp_path, talker, tiny) as server:
        first, second = server.shelf
        assert [second.id, first.id] == ["tiny-llama-2", "tiny-llama"]
        commit(second, random_delta(tiny, (1,), seed=3))
        states = server.client.get("/api/state").json()["models"]
        assert [model["edits_in_force"] for model in states] == [0, 1]
        conversation = begin(server, model=second.id)
        message = ask(server, conversation, "Who?")
        assert message["answers"][1]["revision"] == second.state().revision
        assert ask(server, begin(server), "Who?")["answers"][0]["content"] == expected(twin, ORIGINAL, "Who?")


def test_what_was_running_when_the_server_died_has_failed(tmp_path: Path) -> None:
    store = Store(tmp_path / "c.sqlite")
    conversation = store.create("model", None, Settings())
    user = store.say(conversation.id, None, "Who?")
    done, running_ = (new_answer(name, "original", 0, Settings()) for name in ("original", "current"))
    message = store.begin(user.id, [done, running_])
    store.finish(done.model_copy(update={"content": "Ada", "state": "done", "finish_reason": "stop"}))
    store.set_running(running_.id)
    store.close()
    again = Store(tmp_path / "c.sqlite")
    first, second = again.message(message.id)[0].answers
    assert (first.state, first.content) == ("done", "Ada")
    assert second.state == "failed"
    assert "ended before" in (second.error or "")
    again.close()


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    Store(path).close()
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    database.close()
    with pytest.raises(DataUnavailable, match="written by a newer Emendo"):
        Store(path)


def test_a_migration_that_fails_leaves_the_database_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.sqlite"
    Store(path).close()
    broken = (*MIGRATIONS, "CREATE TABLE more (a TEXT) STRICT; CREATE TABLE more (a TEXT) STRICT;")
    with monkeypatch.context() as patch:
        patch.setattr("emendo.serve.migrations.MIGRATIONS", broken)
        patch.setattr("emendo.serve.store.MIGRATIONS", broken)
        with pytest.raises(sqlite3.OperationalError):
            Store(path)
    Store(path).close()


def test_tokens_can_be_left_out_and_fetched_by_message(server: Running) -> None:
    conversation = begin(server)
    message = ask(server, conversation, "Who?")
    light = server.client.get(f"/api/conversations/{conversation}", params={"tokens": False}).json()["messages"][-1]
    assert [answer["tokens"] for answer in light["answers"]] == [[], []]
    assert [answer["content"] for answer in light["answers"]] == [answer["content"] for answer in message["answers"]]
    assert server.client.get(f"/api/messages/{message['id']}").json() == message
