"""`/api/verify`: the claims of an answer against evidence, where a judge was passed in."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import APIRouter, Response

from emendo.serve.desk import Desk
from emendo.serve.problems import Problem, problem_of
from emendo.serve.shapes import ToVerify
from emendo.serve.streams import event_stream, named_event
from emendo.serve.workbench import Judge


def verify_routes(desk: Desk) -> APIRouter:
    """The route of verdicts."""
    router = APIRouter(tags=["verdicts"])

    @router.post("/verify", response_class=Response, responses={200: {"content": {"text/event-stream": {}}}})
    async def verify(wanted: ToVerify) -> Response:
        if desk.judge is None:
            raise Problem(404, "This server checks no answers: no judge was passed in.", code="not_available")
        return event_stream(_verdicts(desk.judge, wanted))

    return router


async def _verdicts(judge: Judge, wanted: ToVerify) -> AsyncIterator[str]:
    number = 0
    try:
        async for name, value in judge(wanted.question, wanted.answer, wanted.model):
            number += 1
            yield named_event(number, name, dict(value))
    except Exception as error:  # noqa: BLE001 - the status is sent already, so the stream says what went wrong
        yield named_event(number + 1, "error", problem_of(error).body())
