"""Long work on the engine's thread: it is queued, tells how far it is, and can be cancelled."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal

from emendo.serve.edit_shapes import Job
from emendo.serve.engine import Engine
from emendo.serve.event_log import EventLog
from emendo.serve.problems import Problem, problem_of
from emendo.serve.served import Served
from emendo.serve.workbench import Preview, Report, Tell

MOST_WAITING = 8
MOST_KEPT = 64
Work = Callable[[Report, Tell], Any]


class Cancelled(Exception):
    """Nobody waits for the job any more."""


class RunningJob:
    """The state of one job; changed on the loop alone.

    Attributes:
        id: Names it.
        log: Its events.
        outcome: What its work returned.
    """

    def __init__(self, kind: str, served: Served, values: Mapping[str, Any]) -> None:
        self.id, self.kind, self.served, self.values = secrets.token_hex(8), kind, served, dict(values)
        self.log = EventLog()
        self.outcome: Any = None
        self.state: Literal["queued", "running", "done", "failed", "cancelled"] = "queued"
        self.stage, self.done, self.total = "", 0, 0
        self.result: dict[str, Any] | None = None
        self.error: str | None = None
        self.is_cancelled = False
        self.future: Future[Any] | None = None
        self._created = datetime.now(UTC).isoformat(timespec="seconds")
        self._started: float | None = None
        self._seconds: float | None = None

    def describe(self) -> Job:
        """The job as `/api` tells it."""
        running = 0.0 if self._started is None else time.perf_counter() - self._started
        return Job(
            id=self.id,
            kind=self.kind,
            model=self.served.id,
            state=self.state,
            stage=self.stage,
            done=self.done,
            total=self.total,
            created=self._created,
            seconds=round(running if self._seconds is None else self._seconds, 3),
            result=self.result,
            error=self.error,
            input=self.values,
        )

    def start(self) -> None:
        self.state, self._started = "running", time.perf_counter()

    def end(self, state: Literal["done", "failed", "cancelled"]) -> None:
        self.state = state
        self._seconds = 0.0 if self._started is None else time.perf_counter() - self._started
        self.log.add("end", self.describe().model_dump())
        self.log.close()


class JobQueue:
    """The jobs of one server.

    Args:
        engine: Whose thread they run on.
        announce: Called on the loop with every job whose state changes.
    """

    def __init__(self, engine: Engine, announce: Callable[[RunningJob], None]) -> None:
        self._engine, self._announce = engine, announce
        self._jobs: dict[str, RunningJob] = {}

    def add(self, kind: str, served: Served, values: Mapping[str, Any], work: Work) -> RunningJob:
        """Queue some work.

        Raises:
            Problem: Too much waits already.
        """
        waiting = sum(job.state in ("queued", "running") for job in self._jobs.values())
        if waiting > MOST_WAITING:
            raise Problem(
                429, f"{waiting} jobs wait already; cancel one, or ask again later.", headers={"Retry-After": "10"}
            )
        job, loop = RunningJob(kind, served, values), asyncio.get_running_loop()

        def on_loop(function: Callable[..., None], *arguments: Any) -> None:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(function, *arguments)

        def report(stage: str, done: int, total: int) -> None:
            on_loop(self._progress, job, stage, done, total)
            self._engine.give_way()
            if job.is_cancelled:
                raise Cancelled

        def run() -> Any:
            on_loop(self._start, job)
            report("starting", 0, 1)
            return work(report, lambda part: on_loop(job.log.add, "partial", dict(part)))

        job.future = self._engine.run(run)
        job.future.add_done_callback(lambda future: on_loop(self._end, job, future))
        ended = [old.id for old in self._jobs.values() if old.log.is_closed]
        for id in ended[: max(0, len(self._jobs) - MOST_KEPT)]:
            del self._jobs[id]
        self._jobs[job.id] = job
        self._announce(job)
        return job

    def get(self, id: str) -> RunningJob:
        """The job of that id.

        Raises:
            Problem: There is none.
        """
        if id not in self._jobs:
            raise Problem(404, f"There is no job '{id}'; the latest {MOST_KEPT} are kept.", code="job_not_found")
        return self._jobs[id]

    def latest(self, limit: int) -> list[RunningJob]:
        """Jobs, the newest first."""
        return list(reversed(self._jobs.values()))[:limit]

    def cancel(self, id: str) -> None:
        """End a job before its next batch; one that has ended stays as it is."""
        job = self.get(id)
        job.is_cancelled = True
        if job.future is not None:
            job.future.cancel()

    def preview(self, id: str, served: Served) -> Preview:
        """The edit that a finished preview of a model computed.

        Raises:
            Problem: There is no such preview.
        """
        job = self.get(id)
        if job.kind != "preview" or job.state != "done" or job.served is not served:
            raise Problem(409, f"Job '{id}' is no finished preview of {served.id}; wait for it, or preview anew.")
        preview: Preview = job.outcome
        return preview

    def _progress(self, job: RunningJob, stage: str, done: int, total: int) -> None:
        if job.log.is_closed or (job.stage, job.done, job.total) == (stage, done, total):
            return
        job.stage, job.done, job.total = stage, done, total
        job.log.add("progress", {"stage": stage, "done": done, "total": total})

    def _start(self, job: RunningJob) -> None:
        job.start()
        self._announce(job)

    def _end(self, job: RunningJob, future: Future[Any]) -> None:
        try:
            job.outcome = future.result()
        except (Cancelled, CancelledError):
            job.end("cancelled")
        except Exception as error:  # noqa: BLE001 - whoever looks at the job is told
            job.error = str(problem_of(error))
            job.end("failed")
        else:
            job.result = dict(job.outcome.result if job.kind == "preview" else job.outcome)
            job.end("done")
        self._announce(job)
