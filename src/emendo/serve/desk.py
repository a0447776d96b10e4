"""What the routes of `/api` share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fastapi import Request

from emendo.serve.answering import Answering
from emendo.serve.engine import Engine
from emendo.serve.event_log import EventLog
from emendo.serve.jobs import JobQueue, RunningJob
from emendo.serve.problems import Problem
from emendo.serve.served import Served, Shelf
from emendo.serve.store import Store
from emendo.serve.workbench import Judge, Workbench

_MOST_EVENTS = 1000


@dataclass(kw_only=True, eq=False)
class Desk:
    """Everything that a request may need.

    Attributes:
        engine: Runs the models.
        shelf: The models.
        store: Conversations.
        workbench: Edits, traces, canaries.
        judge: Checks answers; None where nobody does.
        who: In whose name edits are made unless a request says another.
        events: What has changed, for every page that is open.
    """

    engine: Engine
    shelf: Shelf
    store: Store
    workbench: Workbench
    judge: Judge | None
    who: str
    events: EventLog = field(init=False)
    answering: Answering = field(init=False)
    jobs: JobQueue = field(init=False)

    def open(self) -> None:
        """Begin; called within the loop."""
        self.events = EventLog(_MOST_EVENTS)
        self.answering = Answering(self.engine, self.shelf, self.store)
        self.jobs = JobQueue(self.engine, self._announce_job)

    def announce(self, name: str, **value: Any) -> None:
        """Tell every open page what has changed."""
        self.events.add(name, value)

    def announce_ledger(self, served: Served) -> None:
        """Tell every open page that a ledger has grown."""
        self.announce("ledger", model=served.id, revision=served.state().revision)

    def _announce_job(self, job: RunningJob) -> None:
        self.announce("job", id=job.id, state=job.state)


def require_edit(request: Request) -> None:
    """Let a request pass that may edit.

    Raises:
        Problem: Its token is for chatting alone.
    """
    if "edit" not in request.state.rights:
        raise Problem(
            403, "This token may chat, but not edit; open the page by the link with the other one.", code="read_only"
        )
