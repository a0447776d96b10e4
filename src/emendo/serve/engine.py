"""One thread that runs the models: many questions in one batch, long work in between.

Each turn reads one piece of one prompt and runs every row one token further, each at the revision that its question was pinned
to. Questions join between two tokens and leave when they end or when nobody waits for them. Jobs (an edit, a trace) run on the
same thread; whenever they report progress, questions go first. A job runs a copy of the model's modules over the same weights
(`EditableModel.sharing_weights`), so that its hooks never touch an answer.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

import torch

from emendo.errors import PromptTooLong
from emendo.models import EditableModel
from emendo.serve.problems import Busy, Closed
from emendo.serve.question import Failed, Finished, Listener, Question
from emendo.serve.running import Running, Ticket

T = TypeVar("T")
_log = logging.getLogger(__name__)

# One question that runs and eight behind it.
MOST_QUESTIONS = 9
MOST_ROWS = 18


class Engine:
    """Answers questions and runs jobs, on a thread of its own.

    Args:
        most_questions: How many may be admitted at a time.
        most_rows: How many rows run at a time; further ones wait.
    """

    def __init__(self, *, most_questions: int = MOST_QUESTIONS, most_rows: int = MOST_ROWS) -> None:
        self.most_questions, self.most_rows = most_questions, most_rows
        self._changed = threading.Condition()
        self._admitted: list[Ticket] = []
        self._waiting: deque[Ticket] = deque()
        self._jobs: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._running: dict[EditableModel, Running] = {}
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="emendo-engine", daemon=True)
        self._thread.start()

    def ask(self, question: Question, listen: Listener) -> Ticket:
        """Admit a question; `listen` is called on the engine's thread and must not wait.

        Raises:
            PromptTooLong: A prompt with its answer does not fit the context.
            Busy: Too many questions are being answered.
            Closed: The engine has ended.
        """
        model = question.model
        for request in question.rows:
            wanted = request.sampling.max_new_tokens
            if len(request.prompt) + wanted > model.context_length:
                raise PromptTooLong(
                    f"The prompt has {len(request.prompt)} tokens and {wanted} more are wanted, but the context of "
                    f"{model.name} holds {model.context_length}; shorten the prompt or ask for fewer tokens."
                )
        ticket = Ticket(question, listen, self._wake)
        with self._changed:
            if self._is_closed or not self._thread.is_alive():
                raise Closed
            if len(self._admitted) >= self.most_questions:
                raise Busy(len(self._admitted))
            self._admitted.append(ticket)
            self._waiting.append(ticket)
            self._changed.notify()
        return ticket

    def run(self, job: Callable[[], T]) -> Future[T]:
        """Run a job on the engine's thread once no question waits; it calls `give_way` between its batches."""
        future: Future[T] = Future()
        with self._changed:
            if self._is_closed:
                raise Closed
            self._jobs.append((job, future))
            self._changed.notify()
        return future

    def give_way(self) -> None:
        """Answer every question that waits; called by jobs, on the engine's thread.

        Raises:
            Closed: The engine is to end.
        """
        with torch.autocast("cpu", enabled=False):
            while self._turn():
                pass
        if self._is_closed:
            raise Closed

    def close(self) -> None:
        """End the thread; what runs is told so."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join(timeout=30)

    @property
    def load(self) -> int:
        """How many questions are being answered."""
        return len(self._admitted)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify()

    def _run(self) -> None:
        while not self._is_closed:
            if self._turn():
                continue
            with self._changed:
                if not self._jobs:
                    self._changed.wait_for(lambda: self._is_closed or self._waiting or self._jobs)
                    continue
                job, future = self._jobs.popleft()
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(job())
                except BaseException as error:  # noqa: BLE001 - whoever waits for the job gets it
                    future.set_exception(error)
        self._fail(list(self._admitted), Closed())
        for _, future in self._jobs:
            future.cancel()

    def _turn(self) -> bool:
        """One piece of a prompt and one token of every row; whether there was anything to do."""
        if self._is_closed:
            return False
        self._drop_cancelled()
        did = self._read()
        for running in self._running.values():
            if running.seats:
                did = True
                try:
                    running.step()
                    self._finish(running.let_go())
                    running.advance()
                except Exception as error:  # noqa: BLE001 - one failure must not end the thread that serves everyone
                    _log.exception("A batch failed")
                    self._fail(running.clear(), error)
        return did

    def _drop_cancelled(self) -> None:
        for ticket in [ticket for ticket in self._waiting if ticket.is_cancelled]:
            self._waiting.remove(ticket)
            for seat in ticket.seats:
                seat.row.end("cancelled")
                seat.end()
            self._finish([ticket])
        for running in self._running.values():
            for seat in running.seats:
                if seat.ticket.is_cancelled:
                    seat.tell(seat.row.end("cancelled"))
            self._finish(running.let_go())

    def _read(self) -> bool:
        """Read one piece of the oldest question that waits, once it fits in: nobody overtakes it."""
        rows = sum(len(running.seats) for running in self._running.values())
        if not self._waiting or (rows and rows + len(self._waiting[0].seats) > self.most_rows):
            return False
        ticket = self._waiting[0]
        running = self._running.setdefault(ticket.question.model, Running(ticket.question.model))
        try:
            if running.read(ticket):
                self._waiting.remove(ticket)
                self._finish(running.let_go())
        except Exception as error:  # noqa: BLE001 - as above
            _log.exception("A prompt could not be read")
            self._waiting.remove(ticket)
            # Some of its rows may have joined by then.
            self._fail([*running.clear(), ticket], error)
        return True

    def _finish(self, tickets: Sequence[Ticket]) -> None:
        for ticket in tickets:
            self._leave(ticket)
            ticket.tell(Finished())

    def _fail(self, tickets: Sequence[Ticket], error: Exception) -> None:
        for ticket in dict.fromkeys(tickets):
            self._leave(ticket)
            ticket.tell(Failed(error=error))

    def _leave(self, ticket: Ticket) -> None:
        with self._changed:
            self._admitted.remove(ticket)
