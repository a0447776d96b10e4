"""The OpenAI-compatible API: `/v1/models`, `/v1/chat/completions`, `/v1/completions`.

A request is checked and admitted before the first byte of its answer; what fails afterwards comes as an `error` in the stream.
"""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from emendo.models import EditableModel, Sampling, Token, chat_text, encode
from emendo.serve.engine import Engine
from emendo.serve.openai_answers import DONE, Shape, data, finish_reason, usage
from emendo.serve.openai_requests import MOST_PROMPTS, ChatRequest, CompletionRequest, Generating
from emendo.serve.problems import Problem, problem_of
from emendo.serve.question import Answer, Ended, Question, RowRequest, Said, Started
from emendo.serve.running import Ticket
from emendo.serve.served import Served, Shelf
from emendo.serve.streams import Mailbox, event_stream, while_connected

T = TypeVar("T")
DEFAULT_TOKENS = 512
# Revisions are named by what they are, so a model is never older or newer: clients want a number all the same.
_CREATED = 0


def openai_router(engine: Engine, shelf: Shelf) -> APIRouter:
    """The routes under `/v1`."""
    router = APIRouter(prefix="/v1")

    def describe(id: str) -> dict[str, Any]:
        return {"id": id, "object": "model", "created": _CREATED, "owned_by": "emendo"}

    @router.get("/models")
    def models() -> dict[str, Any]:
        ids = []
        for served in shelf:
            revisions = dict.fromkeys(reversed([state.revision for state in served.states()]))
            ids += [served.id, f"{served.id}:original"]
            ids += [f"{served.id}:rev-{revision}" for revision in revisions if revision != "original"]
        return {"object": "list", "data": [describe(id) for id in ids]}

    @router.get("/models/{id}")
    def model(id: str) -> dict[str, Any]:
        shelf.resolve(id)
        return describe(id)

    @router.post("/chat/completions", response_model=None)
    async def chat(wanted: ChatRequest, request: Request) -> Response | dict[str, Any]:
        asked = await run_in_threadpool(_Chat, shelf, wanted)
        return await _answer(engine, asked, wanted, request)

    @router.post("/completions", response_model=None)
    async def completions(wanted: CompletionRequest, request: Request) -> Response | dict[str, Any]:
        asked = await run_in_threadpool(_Completion, shelf, wanted)
        return await _answer(engine, asked, wanted, request)

    return router


class _Asked(ABC):
    """A request as the engine takes it, and how its answer is told."""

    shape: Shape
    question: Question
    prompts: int

    @abstractmethod
    def opening(self, row: int) -> list[dict[str, Any]]:
        """What a stream tells before a row's first token."""

    @abstractmethod
    def piece(self, row: int, token: Token) -> dict[str, Any] | None:
        """What a stream tells of a token."""

    @abstractmethod
    def ending(self, row: int, answer: Answer) -> dict[str, Any]:
        """What a stream tells of a row's end."""

    @abstractmethod
    def choice(self, row: int, answer: Answer) -> dict[str, Any]:
        """What an answer that is not streamed tells of a row."""


class _Chat(_Asked):
    """`/v1/chat/completions`."""

    def __init__(self, shelf: Shelf, wanted: ChatRequest) -> None:
        served, revision = shelf.resolve(wanted.model)
        model = served.model
        self.has_logprobs = bool(wanted.logprobs)
        if wanted.top_logprobs and not wanted.logprobs:
            raise Problem(400, "'top_logprobs' needs 'logprobs' to be true.", param="top_logprobs")
        text = chat_text(model, [message.plain() for message in wanted.messages])
        prompt = tuple(encode(model, text, special=model.tokenizer.chat_template is None))
        most = wanted.max_completion_tokens or wanted.max_tokens or min(DEFAULT_TOKENS, _room(model, prompt))
        top = (wanted.top_logprobs or 0) if wanted.logprobs else 0
        rows = [RowRequest(prompt=prompt, revision=revision, sampling=s) for s in _samplings(served, wanted, most, top, 1)]
        self.prompts, self.question = 1, Question(model=model, rows=tuple(rows))
        self.shape = Shape("chat.completion", "chatcmpl", wanted.model, _fingerprint(revision.id), model)

    def opening(self, row: int) -> list[dict[str, Any]]:
        return [self._delta(row, {"role": "assistant", "content": ""})]

    def piece(self, row: int, token: Token) -> dict[str, Any] | None:
        if not token.text and not self.has_logprobs:
            return None
        return self._delta(row, {"content": token.text}, [token])

    def ending(self, row: int, answer: Answer) -> dict[str, Any]:
        return self._delta(row, {}, finish=finish_reason(answer))

    def choice(self, row: int, answer: Answer) -> dict[str, Any]:
        return {
            "index": row,
            "message": {"role": "assistant", "content": answer.text, "refusal": None},
            "logprobs": self.shape.chat_logprobs(answer.tokens) if self.has_logprobs else None,
            "finish_reason": finish_reason(answer),
        }

    def _delta(
        self, row: int, delta: dict[str, Any], tokens: list[Token] | None = None, finish: str | None = None
    ) -> dict[str, Any]:
        logprobs = self.shape.chat_logprobs(tokens) if tokens and self.has_logprobs else None
        return {"index": row, "delta": delta, "logprobs": logprobs, "finish_reason": finish}


class _Completion(_Asked):
    """`/v1/completions`."""

    def __init__(self, shelf: Shelf, wanted: CompletionRequest) -> None:
        served, revision = shelf.resolve(wanted.model)
        model = served.model
        self.has_logprobs, self.has_echo = wanted.logprobs is not None, bool(wanted.echo)
        prompts = [_token_ids(model, prompt) for prompt in wanted.prompts()]
        if not 1 <= len(prompts) <= MOST_PROMPTS:
            raise Problem(400, f"There are {len(prompts)} prompts; 1 to {MOST_PROMPTS} were expected.", param="prompt")
        most = 16 if wanted.max_tokens is None else wanted.max_tokens
        samplings = _samplings(served, wanted, most, wanted.logprobs or 0, len(prompts))
        each = len(samplings) // len(prompts)
        self.prompts = len(prompts)
        self.echoed = [model.tokenizer.decode(list(prompt)) for prompt in prompts for _ in range(each)]
        rows = [
            RowRequest(prompt=prompts[at // each], revision=revision, sampling=sampling)
            for at, sampling in enumerate(samplings)
        ]
        scored = wanted.logprobs if self.has_echo else None
        self.question = Question(model=model, rows=tuple(rows), scored=scored)
        self.shape = Shape("text_completion", "cmpl", wanted.model, _fingerprint(revision.id), model)

    def opening(self, row: int) -> list[dict[str, Any]]:
        return [self._part(row, self.echoed[row])] if self.has_echo else []

    def piece(self, row: int, token: Token) -> dict[str, Any] | None:
        if not token.text and not self.has_logprobs:
            return None
        return self._part(row, token.text, self._logprobs(row, [token]))

    def ending(self, row: int, answer: Answer) -> dict[str, Any]:
        return self._part(row, "", finish=finish_reason(answer))

    def choice(self, row: int, answer: Answer) -> dict[str, Any]:
        text = self.echoed[row] + answer.text if self.has_echo else answer.text
        # A token that ended the answer has a probability too, and harnesses count on one for every token that was asked for.
        said = [*answer.tokens, *([answer.ending] if answer.ending else [])]
        logprobs = self._logprobs(row, said)
        if logprobs is not None and answer.prompt is not None:
            read = self.shape.text_logprobs(answer.prompt)
            logprobs = {name: [*values, *logprobs[name]] for name, values in read.items()}
        return self._part(row, text, logprobs, finish_reason(answer))

    def _logprobs(self, row: int, tokens: list[Token]) -> dict[str, Any] | None:
        offset = len(self.echoed[row]) if self.has_echo else 0
        return self.shape.text_logprobs(tokens, offset) if self.has_logprobs else None

    def _part(
        self, row: int, text: str, logprobs: dict[str, Any] | None = None, finish: str | None = None
    ) -> dict[str, Any]:
        return {"index": row, "text": text, "logprobs": logprobs, "finish_reason": finish}


async def _answer(engine: Engine, asked: _Asked, wanted: Generating, request: Request) -> Response | dict[str, Any]:
    mailbox = Mailbox()
    ticket = engine.ask(asked.question, mailbox.put)
    if wanted.stream:
        return event_stream(_stream(asked, mailbox, ticket, has_usage=wanted.has_usage))
    answers = await while_connected(request, _collect(mailbox, len(asked.question.rows)), ticket.cancel)
    choices = [asked.choice(row, answer) for row, answer in enumerate(answers)]
    return asked.shape.whole(choices, answers, asked.prompts)


async def _stream(asked: _Asked, mailbox: Mailbox, ticket: Ticket, *, has_usage: bool) -> AsyncIterator[str]:
    answers: dict[int, Answer] = {}

    def chunk(choice: dict[str, Any]) -> str:
        return asked.shape.chunk(choice, has_usage=has_usage)

    try:
        async for event in mailbox.events():
            if isinstance(event, Started):
                for choice in asked.opening(event.row):
                    yield chunk(choice)
            elif isinstance(event, Said):
                piece = asked.piece(event.row, event.token)
                if piece is not None:
                    yield chunk(piece)
            elif isinstance(event, Ended):
                answers[event.row] = event.answer
                yield chunk(asked.ending(event.row, event.answer))
        if has_usage:
            used = usage([answers[row] for row in sorted(answers)], asked.prompts)
            yield asked.shape.chunk(None, has_usage=True, used=used)
        yield DONE
    except Exception as error:  # noqa: BLE001 - the status is sent already, so the stream says what went wrong
        yield data(problem_of(error).body())
    finally:
        ticket.cancel()


async def _collect(mailbox: Mailbox, rows: int) -> list[Answer]:
    answers = {event.row: event.answer async for event in mailbox.events() if isinstance(event, Ended)}
    return [answers[row] for row in range(rows)]


def _samplings(served: Served, wanted: Generating, most: int, top: int, prompts: int) -> list[Sampling]:
    """One for each answer; answers to one prompt draw from generators of their own."""
    size = served.model.network.get_output_embeddings().weight.shape[0]
    bias = wanted.logit_bias or {}
    if any(not 0 <= token < size for token in bias):
        raise Problem(400, f"'logit_bias' names a token beyond the {size} that there are.", param="logit_bias")
    seed = secrets.randbits(31) if wanted.seed is None else wanted.seed % 2**62
    return [
        Sampling(
            max_new_tokens=most,
            temperature=1.0 if wanted.temperature is None else wanted.temperature,
            top_p=1.0 if wanted.top_p is None else wanted.top_p,
            seed=seed + number,
            stop=wanted.stops,
            frequency_penalty=wanted.frequency_penalty or 0.0,
            presence_penalty=wanted.presence_penalty or 0.0,
            logit_bias=bias,
            top_logprobs=top,
        )
        for _ in range(prompts)
        for number in range(wanted.n or 1)
    ]


def _token_ids(model: EditableModel, prompt: str | list[int]) -> tuple[int, ...]:
    if isinstance(prompt, str):
        return tuple(encode(model, prompt))
    size = model.embedding.num_embeddings
    if not prompt or any(not 0 <= token < size for token in prompt):
        raise Problem(400, f"A prompt is empty, or names a token beyond the {size} that there are.", param="prompt")
    return tuple(prompt)


def _room(model: EditableModel, prompt: tuple[int, ...]) -> int:
    return max(1, model.context_length - len(prompt))


def _fingerprint(revision: str) -> str:
    return f"rev-{revision}" if revision != "original" else revision
