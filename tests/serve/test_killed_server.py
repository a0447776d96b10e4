"""Whatever the server is killed at, committed edits and finished messages are there afterwards."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from serving import TOKEN, commit

from emendo.ledger import Ledger
from emendo.models import EditableModel
from emendo.serve import Served
from tiny_models import random_delta

HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def folder(talker: EditableModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model in a folder."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    talker.network.save_pretrained(folder)
    talker.tokenizer.save_pretrained(folder)
    return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(model: Path, home: Path) -> Iterator[tuple[httpx.Client, subprocess.Popen[str]]]:
    """`emendo serve` in a process of its own; it is killed if it is still there in the end."""
    port = free_port()
    command = [sys.executable, "-m", "emendo", "serve", "--model", str(model), "--port", str(port), "--token", TOKEN]
    environment = {**os.environ, "EMENDO_HOME": str(home / "home"), "COLUMNS": "200", "OMP_NUM_THREADS": "1"}
    with (
        subprocess.Popen(
            [*command, "--ledger", str(home / "ledger"), "--database", str(home / "c.sqlite")],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        ) as server,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=HEADERS, timeout=30) as client,
    ):
        try:
            until = time.monotonic() + 60
            while time.monotonic() < until:
                try:
                    if client.get("/health").status_code == 200:
                        break
                except httpx.TransportError:
                    assert server.poll() is None, server.stdout and server.stdout.read()
                    time.sleep(0.05)
            yield client, server
        finally:
            server.kill()
            server.wait()


def test_a_kill_loses_no_finished_message_and_no_committed_edit(folder: Path, talker: EditableModel, tmp_path: Path) -> None:
    """Killed while it streams, writes its database and commits edits, twice over one home."""
    finished: list[tuple[str, str, str]] = []
    committed: list[str] = []
    served = Served("tiny", talker, Ledger.open(talker, tmp_path / "ledger"))
    patches = iter(range(1000))
    for delay in (0.4, 0.7):
        with process(folder, tmp_path) as (client, server):
            for conversation, message, content in finished:
                whole = client.get(f"/api/conversations/{conversation}").json()
                found = next(m for m in whole["messages"] if m["id"] == message)
                assert found["answers"][0]["content"] == content
                assert found["answers"][0]["state"] == "done"
                states = {a["state"] for m in whole["messages"] for a in m["answers"]}
                assert states <= {"done", "failed", "stopped"}
            revisions = [entry["revision"] for entry in client.get("/api/models/tiny/ledger").json()["entries"]]
            assert set(committed) <= set(revisions)
            conversation = client.post("/api/conversations", json={"model": "tiny"}).json()["id"]
            threading.Timer(delay, lambda server=server: os.kill(server.pid, signal.SIGKILL)).start()
            try:
                while True:
                    commit(served, random_delta(talker, (1,), seed=next(patches)), f"target {time.monotonic()}")
                    number = len(served.ledger.entries())
                    reverted = client.post("/api/models/tiny/reverts", json={"entries": [number], "why": "a test"})
                    if reverted.status_code == 201:
                        committed.append(served.ledger.entries()[number - 1].revision)
                    body = {"content": f"number {number}", "revisions": ["original"], "settings": {"max_tokens": 6}}
                    sent = client.post(f"/api/conversations/{conversation}/messages", json=body).json()["assistant"]
                    with client.stream("GET", f"/api/messages/{sent['id']}/events") as stream:
                        lines = (line for line in stream.iter_lines() if '"state":"done"' in line)
                        content = json.loads(next(lines).removeprefix("data: "))["content"]
                    finished.append((conversation, sent["id"], content))
            except httpx.TransportError:
                pass
            server.wait(10)
            assert server.returncode == -signal.SIGKILL
    assert len(finished) > 3
    assert len(committed) > 3
    entries = served.ledger.entries()
    assert [entry.number for entry in entries] == list(range(1, len(entries) + 1))


def test_it_ends_when_it_is_told_to_even_while_it_streams(folder: Path, tmp_path: Path) -> None:
    with process(folder, tmp_path) as (client, server):
        body = {"model": "tiny", "messages": [{"role": "user", "content": "Go on"}], "max_tokens": 1900, "stream": True}
        with client.stream("POST", "/v1/chat/completions", json=body) as stream:
            next(stream.iter_lines())
            server.send_signal(signal.SIGINT)
            assert server.wait(20) in (0, 130, -signal.SIGINT)
