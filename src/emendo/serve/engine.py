"""One thread that runs the models: many questions in one batch, long work in between.

Each turn reads one piece of one prompt and runs every row one token further, each at the revision that its question was pinned
to. Questions join between two tokens and leave when they end or when nobody waits for them. Jobs (an edit, a trace) run on the
same thread; whenever they report progress, questions go first. A job runs a copy of the model's modules over the same weights
(`EditableModel.sharing_weights`), so that its hooks never touch an answer.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

import torch
from transformers import DynamicCache

from emendo.errors import PromptTooLong
from emendo.models import Batch, EditableModel, Revision, Row, Token, at_revisions
from emendo.serve.kept_prefixes import KeptPrefixes
from emendo.serve.problems import Busy, Closed
from emendo.serve.question import Answer, Compared, Ended, Event, Failed, Finished, Listener, Question, Said, Started
from emendo.serve.reading import Reading

T = TypeVar("T")
_log = logging.getLogger(__name__)

# One question that runs and eight behind it.
MOST_QUESTIONS = 9
MOST_ROWS = 18
MOST_KEPT_BYTES = 1 << 28


class Ticket:
    """A question that was admitted."""

    def __init__(self, engine: Engine, question: Question, listen: Listener) -> None:
        self.question, self.is_cancelled = question, False
        self.admitted = time.perf_counter()
        self._engine, self._listen = engine, listen
        self._seats = [_Seat(self, at) for at in range(len(question.rows))]
        self._readings: dict[tuple[tuple[int, ...], Revision], Reading] = {}
        self.is_comparing, self.compared = question.is_compared, 0

    def cancel(self) -> None:
        """Nobody waits for the answers any more; rows that run end as "cancelled" before their next token."""
        self.is_cancelled = True
        self._engine._wake()

    def tell(self, event: Event) -> None:
        self._listen(event)


class _Seat:
    """One row of a question."""

    def __init__(self, ticket: Ticket, number: int) -> None:
        self.ticket, self.number = ticket, number
        self.request = ticket.question.rows[number]
        self.row = Row(ticket.question.model, self.request.prompt, self.request.sampling)
        self.tokens: list[Token] = []
        self.first: float | None = None
        self.prompt: tuple[Token, ...] | None = None

    def told(self, tokens: Sequence[Token]) -> None:
        for token in tokens:
            self.first = self.first or time.perf_counter() - self.ticket.admitted
            self.ticket.tell(Said(row=self.number, index=len(self.tokens), token=token))
            self.tokens.append(token)

    def end(self) -> None:
        assert self.row.finish is not None
        answer = Answer(
            text=self.row.text,
            tokens=tuple(self.tokens),
            ending=self.row.ending,
            finish=self.row.finish,
            revision=self.request.revision.id,
            prompt_tokens=len(self.request.prompt),
            completion_tokens=len(self.row.ids),
            seconds=time.perf_counter() - self.ticket.admitted,
            seconds_to_first_token=self.first,
            prompt=self.prompt,
        )
        self.ticket.tell(Ended(row=self.number, answer=answer))


class _Running:
    """The rows of one model that are being answered."""

    def __init__(self, model: EditableModel) -> None:
        self.model = model
        self.batch: Batch | None = None
        self.seats: list[_Seat] = []
        self.kept = KeptPrefixes(MOST_KEPT_BYTES)


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
        self._running: dict[EditableModel, _Running] = {}
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
        ticket = Ticket(self, question, listen)
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
        for ticket in list(self._admitted):
            self._fail(ticket, Closed())
        for _, future in self._jobs:
            future.cancel()

    def _turn(self) -> bool:
        """One piece of a prompt and one token of every row; whether there was anything to do."""
        if self._is_closed:
            return False
        self._drop_cancelled()
        did = self._read()
        for running in self._running.values():
            if running.batch is not None:
                did = True
                try:
                    self._step(running)
                except Exception as error:  # noqa: BLE001 - one failure must not end the thread that serves everyone
                    _log.exception("A batch failed")
                    self._break(running, error)
        return did

    def _drop_cancelled(self) -> None:
        for ticket in [ticket for ticket in self._waiting if ticket.is_cancelled]:
            self._waiting.remove(ticket)
            for seat in ticket._seats:
                seat.row.end("cancelled")
                seat.end()
            self._finish(ticket)
        for running in self._running.values():
            gone = [seat for seat in running.seats if seat.ticket.is_cancelled]
            for seat in gone:
                seat.told(seat.row.end("cancelled"))
            if gone:
                self._let_go(running)

    def _read(self) -> bool:
        """Read one piece of the oldest question that waits, once it fits in: nobody overtakes it."""
        if not self._waiting or not self._fits(self._waiting[0]):
            return False
        ticket = self._waiting[0]
        try:
            self._read_piece(ticket)
        except Exception as error:  # noqa: BLE001 - as above
            _log.exception("A prompt could not be read")
            with suppress(ValueError):
                self._waiting.remove(ticket)
            self._fail(ticket, error)
        return True

    def _fits(self, ticket: Ticket) -> bool:
        rows = sum(len(running.seats) for running in self._running.values())
        return rows == 0 or rows + len(ticket._seats) <= self.most_rows

    def _read_piece(self, ticket: Ticket) -> None:
        question, model = ticket.question, ticket.question.model
        running = self._running.setdefault(model, _Running(model))
        if not ticket._readings:
            for seat in ticket._seats:
                ticket.tell(Started(row=seat.number))
                request = seat.request
                key = (request.prompt, request.revision)
                if key not in ticket._readings:
                    known = running.kept.find(request.revision.id, request.prompt) if question.scored is None else (0, ())
                    ticket._readings[key] = Reading(model, *key, question.scored, known)
        unread = next((reading for reading in ticket._readings.values() if reading.logits is None), None)
        if unread is not None and not unread.advance():
            return
        if any(reading.logits is None for reading in ticket._readings.values()):
            return
        self._waiting.remove(ticket)
        with torch.inference_mode():
            for seat in ticket._seats:
                self._seat(running, seat, ticket._readings[seat.request.prompt, seat.request.revision])
        ticket._readings.clear()
        self._let_go(running)

    def _seat(self, running: _Running, seat: _Seat, reading: Reading) -> None:
        """Let a row whose prompt was read join the batch."""
        seat.prompt = reading.tokens()
        assert reading.logits is not None
        cache = DynamicCache()
        for layer, own in enumerate(reading.cache.layers):
            cache.update(own.keys, own.values, layer)
        mask = torch.ones((1, len(reading.prompt)), dtype=torch.long, device=running.model.device)
        batch = Batch(model=running.model, rows=[seat.row], cache=cache, mask=mask, logits=reading.logits)
        running.seats.append(seat)
        if running.batch is None:
            running.batch = batch
        else:
            running.batch.join(batch)

    def _step(self, running: _Running) -> None:
        """One token of every row of a model; rows that end leave."""
        assert running.batch is not None
        with torch.inference_mode():
            choices = running.batch.choose()
            for seat, choice in zip(running.seats, choices, strict=True):
                seat.told(choice.told)
            for ticket in dict.fromkeys(seat.ticket for seat in running.seats if seat.ticket.is_comparing):
                self._compare(
                    ticket, [c.logprobs for s, c in zip(running.seats, choices, strict=True) if s.ticket is ticket]
                )
            self._let_go(running)
            if running.batch is not None:
                revisions = [seat.request.revision for seat in running.seats]
                with at_revisions(running.model, revisions if len(set(revisions)) > 1 else revisions[:1]):
                    running.batch.advance()

    def _compare(self, ticket: Ticket, logprobs: list[torch.Tensor]) -> None:
        """Say how far the second row's distribution is from the first's, as long as both said the same before."""
        first, second = (seat.row for seat in ticket._seats)
        if len(logprobs) < 2:
            ticket.is_comparing = False
            return
        divergence = float((logprobs[1].exp() * (logprobs[1] - logprobs[0])).sum().clamp(min=0))
        differs = first.ids != second.ids or (first.ending is None) != (second.ending is None)
        ticket.is_comparing = not differs
        index, ticket.compared = ticket.compared, ticket.compared + 1
        # Where both end alike, there is no token to compare.
        if differs or first.ending is None:
            ticket.tell(Compared(index=index, divergence=divergence, differs=differs))

    def _let_go(self, running: _Running) -> None:
        """Take rows that have ended out of the batch, and keep what they read."""
        batch, seats = running.batch, running.seats
        if batch is None or all(row.finish is None for row in batch.rows):
            return
        for at, seat in enumerate(seats):
            if seat.row.finish is not None:
                self._keep(running, at)
                seat.end()
        going = batch.going()
        running.seats = [seats[at] for at in going]
        if going:
            with torch.inference_mode():
                batch.keep(going)
        else:
            running.batch = None
        left = {seat.ticket for seat in running.seats}
        for ticket in dict.fromkeys(seat.ticket for seat in seats):
            if ticket not in left:
                self._finish(ticket)

    def _keep(self, running: _Running, at: int) -> None:
        seat, batch = running.seats[at], running.batch
        if batch is None or seat.ticket.question.scored is not None:
            return
        count = int(batch.mask[at].sum())
        ids = (*seat.request.prompt, *seat.row.ids)[:count]
        states = tuple(
            (layer.keys[at : at + 1, :, -count:].clone(), layer.values[at : at + 1, :, -count:].clone())
            for layer in batch.cache.layers
        )
        running.kept.keep(seat.request.revision.id, ids, states)

    def _break(self, running: _Running, error: Exception) -> None:
        tickets = dict.fromkeys(seat.ticket for seat in running.seats)
        running.batch, running.seats = None, []
        for ticket in tickets:
            self._fail(ticket, error)

    def _finish(self, ticket: Ticket) -> None:
        with self._changed:
            self._admitted.remove(ticket)
        ticket.tell(Finished())

    def _fail(self, ticket: Ticket, error: Exception) -> None:
        with self._changed:
            if ticket in self._admitted:
                self._admitted.remove(ticket)
        ticket.tell(Failed(error=error))
