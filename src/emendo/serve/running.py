"""The rows of one model that are being answered, and which question each belongs to.

Everything here happens on the engine's thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch
from transformers import DynamicCache

from emendo.models import Batch, EditableModel, Revision, Row, Token, at_revisions
from emendo.serve.kept_prefixes import KeptPrefixes
from emendo.serve.question import Answer, Compared, Ended, Event, Listener, Question, Said, Started
from emendo.serve.reading import Reading

MOST_KEPT_BYTES = 1 << 28


class Ticket:
    """A question that was admitted.

    Args:
        question: What is asked.
        listen: Is told every event.
        wake: Called when it is cancelled, so that this is noticed.

    Attributes:
        seats: Its rows.
        readings: Its prompts while they are read, each once for each revision.
        is_cancelled: Nobody waits for the answers any more.
        is_comparing: Its two rows have said the same so far.
    """

    def __init__(self, question: Question, listen: Listener, wake: Callable[[], None]) -> None:
        self.question, self._listen, self._wake = question, listen, wake
        self.is_cancelled, self.is_comparing = False, question.is_compared
        self.admitted = time.perf_counter()
        self.seats = [Seat(self, at) for at in range(len(question.rows))]
        self.readings: dict[tuple[tuple[int, ...], Revision], Reading] = {}
        self._compared = 0

    def cancel(self) -> None:
        """Rows that run end as "cancelled" before their next token; called from any thread."""
        self.is_cancelled = True
        self._wake()

    def tell(self, event: Event) -> None:
        """Tell whoever asked."""
        self._listen(event)

    def compare(self, logprobs: Sequence[torch.Tensor]) -> None:
        """Say how far the second row's distribution is from the first's, as long as both said the same before.

        Args:
            logprobs: Of the rows that are still running.
        """
        first, second = (seat.row for seat in self.seats)
        if len(logprobs) < 2:
            self.is_comparing = False
            return
        divergence = float((logprobs[1].exp() * (logprobs[1] - logprobs[0])).sum().clamp(min=0))
        differs = first.ids != second.ids or (first.ending is None) != (second.ending is None)
        self.is_comparing = not differs
        # Where both end alike, there is no token to compare.
        if differs or first.ending is None:
            self.tell(Compared(index=self._compared, divergence=divergence, differs=differs))
        self._compared += 1


class Seat:
    """One row of a question."""

    def __init__(self, ticket: Ticket, number: int) -> None:
        self.ticket, self.number = ticket, number
        self.request = ticket.question.rows[number]
        self.row = Row(ticket.question.model, self.request.prompt, self.request.sampling)
        self.prompt: tuple[Token, ...] | None = None
        self._tokens: list[Token] = []
        self._first: float | None = None

    def tell(self, tokens: Sequence[Token]) -> None:
        """Tell what the row said."""
        for token in tokens:
            self._first = self._first or time.perf_counter() - self.ticket.admitted
            self.ticket.tell(Said(row=self.number, index=len(self._tokens), token=token))
            self._tokens.append(token)

    def end(self) -> None:
        """Tell the whole answer of a row that has ended."""
        assert self.row.finish is not None
        answer = Answer(
            text=self.row.text,
            tokens=tuple(self._tokens),
            ending=self.row.ending,
            finish=self.row.finish,
            revision=self.request.revision.id,
            prompt_tokens=len(self.request.prompt),
            completion_tokens=len(self.row.ids),
            seconds=time.perf_counter() - self.ticket.admitted,
            seconds_to_first_token=self._first,
            prompt=self.prompt,
        )
        self.ticket.tell(Ended(row=self.number, answer=answer))


class Running:
    """The batch of one model.

    Attributes:
        seats: Whose rows these are, in the order of the batch.
    """

    def __init__(self, model: EditableModel) -> None:
        self.model = model
        self.seats: list[Seat] = []
        self._batch: Batch | None = None
        self._kept = KeptPrefixes(MOST_KEPT_BYTES)

    def read(self, ticket: Ticket) -> bool:
        """Read one more piece of a question's prompts; whether that was the last, so that its rows have joined."""
        if not ticket.readings:
            self._begin(ticket)
        unread = [reading for reading in ticket.readings.values() if reading.logits is None]
        if not unread[0].advance() or len(unread) > 1:
            return False
        with torch.inference_mode():
            for seat in ticket.seats:
                self._seat(seat, ticket.readings[seat.request.prompt, seat.request.revision])
        ticket.readings.clear()
        return True

    def step(self) -> None:
        """One token of every row; rows that end by it stay until `let_go`."""
        if self._batch is None:
            return
        with torch.inference_mode():
            choices = self._batch.choose()
        logprobs: dict[Ticket, list[torch.Tensor]] = {}
        for seat, choice in zip(self.seats, choices, strict=True):
            seat.tell(choice.told)
            logprobs.setdefault(seat.ticket, []).append(choice.logprobs)
        for ticket, own in logprobs.items():
            if ticket.is_comparing:
                ticket.compare(own)

    def advance(self) -> None:
        """Run every row over the token that it said last, at its own revision."""
        if self._batch is None:
            return
        revisions = [seat.request.revision for seat in self.seats]
        with torch.inference_mode(), at_revisions(self.model, revisions if len(set(revisions)) > 1 else revisions[:1]):
            self._batch.advance()

    def let_go(self) -> list[Ticket]:
        """Take rows that have ended out of the batch, and keep what they read; the questions that are answered by it."""
        batch, seats = self._batch, self.seats
        if batch is None or all(seat.row.finish is None for seat in seats):
            return []
        for at, seat in enumerate(seats):
            if seat.row.finish is not None:
                self._keep(batch, at)
                seat.end()
        going = batch.going()
        self.seats = [seats[at] for at in going]
        if going:
            with torch.inference_mode():
                batch.keep(going)
        else:
            self._batch = None
        staying = {seat.ticket for seat in self.seats}
        return [ticket for ticket in dict.fromkeys(seat.ticket for seat in seats) if ticket not in staying]

    def clear(self) -> list[Ticket]:
        """Drop every row; the questions that will not be answered."""
        tickets = list(dict.fromkeys(seat.ticket for seat in self.seats))
        self._batch, self.seats = None, []
        return tickets

    def _begin(self, ticket: Ticket) -> None:
        scored = ticket.question.scored
        for seat in ticket.seats:
            ticket.tell(Started(row=seat.number))
            key = (seat.request.prompt, seat.request.revision)
            if key not in ticket.readings:
                known = self._kept.find(seat.request.revision.id, seat.request.prompt) if scored is None else (0, ())
                ticket.readings[key] = Reading(self.model, *key, scored, known)

    def _seat(self, seat: Seat, reading: Reading) -> None:
        """Let a row whose prompt was read join the batch."""
        assert reading.logits is not None
        cache = DynamicCache()
        for layer, own in enumerate(reading.cache.layers):
            cache.update(own.keys, own.values, layer)
        mask = torch.ones((1, len(reading.prompt)), dtype=torch.long, device=self.model.device)
        batch = Batch(model=self.model, rows=[seat.row], cache=cache, mask=mask, logits=reading.logits)
        if self._batch is None:
            self._batch = batch
        else:
            self._batch.join(batch)
        seat.prompt = reading.tokens()
        self.seats.append(seat)

    def _keep(self, batch: Batch, at: int) -> None:
        """Keep what a row read and said, for the next turn of its conversation."""
        seat = self.seats[at]
        if seat.ticket.question.scored is not None:
            return
        count = int(batch.mask[at].sum())
        ids = (*seat.request.prompt, *seat.row.ids)[:count]
        states = tuple(
            (layer.keys[at : at + 1, :, -count:].clone(), layer.values[at : at + 1, :, -count:].clone())
            for layer in batch.cache.layers
        )
        self._kept.keep(seat.request.revision.id, ids, states)
