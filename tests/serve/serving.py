"""A real server over a tiny model, on loopback, and a workbench whose edits are random: what the tests of serving share."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from emendo.facts import EditRequest, Fact
from emendo.ledger import Entry, Ledger, Patch, Provenance
from emendo.models import EditableModel, Revision, WeightDelta
from emendo.serve import Access, Engine, Served, Shelf, create_app
from emendo.serve.edit_shapes import NewCanaries, NewPreview, NewTrace, Suggestion, WrongWords
from emendo.serve.server import make_server
from emendo.serve.store import Store
from emendo.serve.workbench import Report, Tell
from tiny_models import random_delta

TOKEN, CHAT_TOKEN = "the-token", "the-chat-token"


def commit(served: Served, delta: WeightDelta, target: str = "Sacramento", who: str = "Ada", why: str = "a test") -> Entry:
    """Record an edit."""
    request = EditRequest(fact=Fact(subject="California", prompt="The capital of {} is"), target_new=target)
    provenance = Provenance(
        method="by hand",
        config={},
        seed=0,
        layers=(1,),
        figures={"relative_norm": 0.5, "seconds": 0.1},
        who=who,
        why=why,
    )
    return served.ledger.commit(Patch.make(served.model, delta, [request], provenance, parent=served.revision()))


@dataclass(frozen=True, kw_only=True, eq=False)
class RandomEdit:
    """An edit that was not searched."""

    served: Served
    delta: WeightDelta
    revision: str
    target: str
    result: Mapping[str, Any]

    def commit(self, strength: float, who: str, why: str) -> Entry:
        return commit(self.served, self.delta, self.target, who, why)


class TestBench:
    """Edits without a search, and long work that can be paced: `steps` batches of `pause` seconds."""

    __test__ = False

    def __init__(self) -> None:
        self.steps, self.pause = 2, 0.0

    def preview(self, served: Served, wanted: NewPreview, report: Report, tell: Tell) -> RandomEdit:
        self._work(report, "searching")
        delta = random_delta(served.bench, (1, 2), seed=len(wanted.target_new))
        return RandomEdit(
            served=served,
            delta=delta,
            revision=served.revision().id,
            target=wanted.target_new,
            result={"strengths": [0, 1]},
        )

    def trace(self, served: Served, wanted: NewTrace, report: Report, tell: Tell) -> Mapping[str, Any]:
        tell({"coarse": True})
        self._work(report, "tracing")
        return {"coarse": False}

    def canaries(self, served: Served, wanted: NewCanaries, report: Report, tell: Tell) -> Mapping[str, Any]:
        raise RuntimeError("/a/secret/path is broken")

    def suggest(self, served: Served, wrong: WrongWords) -> Suggestion:
        old = wrong.answer_text[wrong.wrong.start : wrong.wrong.end]
        return Suggestion(subject="California", prompt="The capital of {} is", target_old=old, candidates=["California"])

    def restore(self, served: Served, entry: int, who: str, why: str) -> Entry:
        return served.ledger.commit(served.ledger.patch(served.ledger.entry(entry)))

    def _work(self, report: Report, stage: str) -> None:
        for done in range(self.steps):
            report(stage, done, self.steps)
            time.sleep(self.pause)


@dataclass(frozen=True, kw_only=True, eq=False)
class Running:
    """A server that listens on loopback."""

    url: str
    app: FastAPI
    engine: Engine
    shelf: Shelf
    bench: TestBench
    folder: Path
    client: httpx.Client = field(repr=False)

    @property
    def served(self) -> Served:
        return next(iter(self.shelf))

    @property
    def model(self) -> EditableModel:
        return self.served.model

    @property
    def current(self) -> Revision:
        return self.served.revision()

    def wait_idle(self, seconds: float = 10) -> None:
        """Return once nothing is being answered."""
        until = time.monotonic() + seconds
        while self.engine.load and time.monotonic() < until:
            time.sleep(0.01)
        assert self.engine.load == 0


@contextmanager
def listening(app: FastAPI) -> Iterator[str]:
    """The address of an application while the context lasts."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = make_server(app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=20)
            assert not thread.is_alive()


@contextmanager
def running(folder: Path, *models: EditableModel, **access: Any) -> Iterator[Running]:
    """A server over some models while the context lasts."""
    shelf = Shelf([(model, Ledger.open(model, folder / f"ledger-{at}")) for at, model in enumerate(models)])
    engine, bench = Engine(), TestBench()
    rights = Access(**{"token": TOKEN, "chat_token": CHAT_TOKEN, **access})
    app = create_app(
        engine, shelf, Store(folder / "conversations.sqlite"), rights, bench, static=folder / "not-built", who="Grace"
    )
    with (
        listening(app) as url,
        httpx.Client(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60) as client,
    ):
        yield Running(url=url, app=app, engine=engine, shelf=shelf, bench=bench, folder=folder, client=client)


def events(client: httpx.Client, path: str, **parameters: Any) -> Iterator[tuple[int, str, Any]]:
    """Number, name and value of each event of a stream."""
    number, name = 0, ""
    with client.stream("GET", path, params=parameters) as response:
        assert response.status_code == 200
        for line in response.iter_lines():
            if line.startswith("id: "):
                number = int(line[4:])
            elif line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                yield number, name, json.loads(line[6:])
