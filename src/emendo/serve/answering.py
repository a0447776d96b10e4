"""Answer a user's message in a conversation: one row a revision, told as it comes, stored when it ends.

The work belongs to the message, not to whoever listens: a page that is loaded again finds the answer where it is by then.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi.concurrency import run_in_threadpool

from emendo.models import EditableModel, Sampling, Token, chat_prompt
from emendo.serve.engine import Engine
from emendo.serve.event_log import EventLog
from emendo.serve.problems import problem_of
from emendo.serve.question import Answer, Compared, Ended, Question, RowRequest, Said, Started
from emendo.serve.records import new_answer
from emendo.serve.running import Ticket
from emendo.serve.served import Served, Shelf
from emendo.serve.shapes import Conversation, Defaults, Message, Settings, StoredAnswer, TokenShape
from emendo.serve.store import Store
from emendo.serve.streams import Mailbox

DEFAULTS = Defaults(temperature=0.0, top_p=1.0, max_tokens=512, system=None)
MOST_KEPT_LOGS = 64
TOP = 5


@dataclass(kw_only=True, eq=False)
class _Work:
    """An assistant's message while it is answered."""

    message: Message
    ticket: Ticket
    log: EventLog = field(default_factory=EventLog)
    divergence: list[float] = field(default_factory=list)
    first_difference: int | None = None
    task: asyncio.Task[None] | None = None


class Answering:
    """The messages that are being answered, and the latest that were.

    Args:
        engine: Who answers.
        shelf: The models.
        store: Where conversations are kept.
    """

    def __init__(self, engine: Engine, shelf: Shelf, store: Store) -> None:
        self._engine, self._shelf, self._store = engine, shelf, store
        self._works: dict[str, _Work] = {}

    async def answer(self, user: Message, conversation: str, revisions: Sequence[str], settings: Settings | None) -> Message:
        """A further version of the answer to a user's message; it goes on after this returns.

        Raises:
            Problem: There is no such revision, or too much to do already.
            PromptTooLong: The conversation does not fit the context.
        """
        served, question, drafts = await run_in_threadpool(self._prepare, user, conversation, revisions, settings)
        mailbox = Mailbox()
        ticket = self._engine.ask(question, mailbox.put)
        try:
            message = await run_in_threadpool(self._store.begin, user.id, drafts)
        except BaseException:
            ticket.cancel()
            raise
        work = _Work(message=message, ticket=ticket)
        self._forget()
        self._works[message.id] = work
        work.task = asyncio.create_task(self._follow(work, mailbox, served.model))
        return message

    def stop(self, message: str) -> None:
        """Stop the work on a message; what was said by then stays."""
        if message in self._works:
            self._works[message].ticket.cancel()

    def stop_conversation(self, messages: Sequence[Message]) -> None:
        """Stop all work on some messages."""
        for message in messages:
            self.stop(message.id)

    def log(self, message: str) -> EventLog | None:
        """The events of a message that is or was lately being answered."""
        return self._works[message].log if message in self._works else None

    async def close(self) -> None:
        """Stop everything, and wait until it is stored."""
        tasks = [work.task for work in self._works.values() if work.task is not None]
        for work in self._works.values():
            work.ticket.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _prepare(
        self, user: Message, conversation: str, revisions: Sequence[str], settings: Settings | None
    ) -> tuple[Served, Question, list[StoredAnswer]]:
        whole = self._store.conversation(conversation, has_tokens=False)
        served = self._shelf.get(whole.model)
        merged = merge(whole.settings, settings)
        seed = secrets.randbits(31) if merged.seed is None else merged.seed
        rows, drafts = [], []
        for pane, name in enumerate(revisions):
            revision = served.revision(name)
            prompt = tuple(chat_prompt(served.model, history(whole, user, name, pane)))
            rows.append(
                RowRequest(prompt=prompt, revision=revision, sampling=sampling(served.model, merged, seed, len(prompt)))
            )
            drafts.append(new_answer(name, revision.id, seed, merged))
        question = Question(model=served.model, rows=tuple(rows), is_compared=len(rows) == 2)
        return served, question, drafts

    async def _follow(self, work: _Work, mailbox: Mailbox, model: EditableModel) -> None:
        answers, ended = work.message.answers, set()
        try:
            async for event in mailbox.events():
                match event:
                    case Started(row=row):
                        await run_in_threadpool(self._store.set_running, answers[row].id)
                        work.log.add("start", {"answer": answers[row].id})
                    case Said(row=row, index=index, token=token):
                        told = token_shape(model, token).model_dump()
                        work.log.add("token", {"answer": answers[row].id, "index": index, **told})
                    case Compared(index=index, divergence=divergence, differs=differs):
                        work.divergence.append(divergence)
                        if differs:
                            work.first_difference = index
                        work.log.add("pair", {"index": index, "divergence": divergence, "differs": differs})
                    case Ended(row=row, answer=answer):
                        ended.add(row)
                        stored = _stored(model, answers[row], answer)
                        await run_in_threadpool(self._store.finish, stored)
                        work.log.add("end", told_end(stored))
        except Exception as error:  # noqa: BLE001 - whatever it was, the message says that it failed
            message = str(problem_of(error))
            for row, draft in enumerate(answers):
                if row not in ended:
                    failed = draft.model_copy(update={"state": "failed", "error": message})
                    await run_in_threadpool(self._store.finish, failed)
                    work.log.add("end", told_end(failed))
        if len(answers) == 2:
            await run_in_threadpool(self._store.compare, work.message.id, work.divergence, work.first_difference)
        work.log.add("done", {})
        work.log.close()

    def _forget(self) -> None:
        """Drop the logs of messages that ended long ago; the store has them."""
        ended = [id for id, work in self._works.items() if work.log.is_closed]
        for id in ended[: max(0, len(ended) - MOST_KEPT_LOGS)]:
            del self._works[id]


def history(conversation: Conversation, user: Message, revision_name: str, pane: int) -> list[dict[str, str]]:
    """The messages that lead to a user's message, as a pane saw them: its own answers, or the last where it had none."""
    by_id = {message.id: message for message in conversation.messages}
    turns: list[dict[str, str]] = []
    at: Message | None = user
    while at is not None:
        content = at.content
        if at.role == "assistant":
            own = [answer for answer in at.answers if answer.revision_name == revision_name] or at.answers[pane : pane + 1]
            content = (own or at.answers)[-1].content
        turns.append({"role": at.role, "content": content})
        at = None if at.parent is None else by_id[at.parent]
    system = [{"role": "system", "content": conversation.system}] if conversation.system else []
    return [*system, *reversed(turns)]


def merge(first: Settings, then: Settings | None) -> Settings:
    """The first settings with those that the second ones name in their place."""
    return first if then is None else first.model_copy(update=then.model_dump(exclude_none=True))


def sampling(model: EditableModel, settings: Settings, seed: int, prompt_tokens: int, top: int = TOP) -> Sampling:
    """Settings as the engine takes them; an answer is cut to what fits the context."""
    room = max(1, model.context_length - prompt_tokens)
    defaults = DEFAULTS
    return Sampling(
        max_new_tokens=min(defaults.max_tokens if settings.max_tokens is None else settings.max_tokens, room),
        temperature=defaults.temperature if settings.temperature is None else settings.temperature,
        top_p=defaults.top_p if settings.top_p is None else settings.top_p,
        seed=seed,
        stop=tuple(settings.stop or ()),
        frequency_penalty=settings.frequency_penalty or 0.0,
        presence_penalty=settings.presence_penalty or 0.0,
        top_logprobs=top,
    )


def token_shape(model: EditableModel, token: Token) -> TokenShape:
    """A token as `/api` tells it."""
    top = [(model.tokenizer.decode([id]), round(logprob, 5)) for id, logprob in token.top]
    return TokenShape(
        id=token.id, text=token.text, start=token.start, end=token.end, logprob=round(token.logprob, 5), top=top
    )


def _stored(model: EditableModel, draft: StoredAnswer, answer: Answer) -> StoredAnswer:
    return draft.model_copy(
        update={
            "content": answer.text,
            "state": "stopped" if answer.finish == "cancelled" else "done",
            "finish_reason": answer.finish,
            "tokens": [token_shape(model, token) for token in answer.tokens],
            "seconds": round(answer.seconds, 4),
            "seconds_to_first_token": None
            if answer.seconds_to_first_token is None
            else round(answer.seconds_to_first_token, 4),
        }
    )


def told_end(answer: StoredAnswer) -> dict[str, Any]:
    """The event of an answer's end."""
    first, seconds = answer.seconds_to_first_token, answer.seconds
    count = len(answer.tokens)
    rate = (count - 1) / (seconds - first) if first is not None and seconds is not None and seconds > first else None
    return {
        "answer": answer.id,
        "state": answer.state,
        "finish_reason": answer.finish_reason,
        "error": answer.error,
        "content": answer.content,
        "seconds": seconds,
        "seconds_to_first_token": first,
        "tokens_per_second": rate,
    }
