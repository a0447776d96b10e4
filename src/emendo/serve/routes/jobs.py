"""`/api/jobs`: previews of edits, traces, canaries, and which edit moved a token."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.concurrency import run_in_threadpool

from emendo.models import chat_prompt
from emendo.serve.answering import history
from emendo.serve.blame import leave_one_out
from emendo.serve.desk import Desk
from emendo.serve.edit_shapes import Job, Jobs, NewBlame, NewCanaries, NewJob, NewPreview, NewTrace
from emendo.serve.jobs import Work
from emendo.serve.problems import Problem
from emendo.serve.routes.conversations import After, LastEventId, position
from emendo.serve.served import Served
from emendo.serve.shapes import Id
from emendo.serve.streams import event_stream


def job_routes(desk: Desk) -> APIRouter:
    """The routes of jobs."""
    router = APIRouter(tags=["jobs"])
    bench = desk.workbench

    @router.post("/jobs", status_code=202)
    async def add(wanted: NewJob) -> Job:
        served = desk.shelf.get(wanted.model)
        values = wanted.model_dump(exclude={"kind", "model"})
        work: Work
        match wanted:
            case NewPreview():
                work = partial(bench.preview, served, wanted)
            case NewTrace():
                work = partial(bench.trace, served, wanted)
            case NewCanaries():
                work = partial(bench.canaries, served, wanted)
            case NewBlame():
                work = await run_in_threadpool(_blame, desk, served, wanted)
        return desk.jobs.add(wanted.kind, served, values, work).describe()

    @router.get("/jobs")
    async def jobs(limit: Annotated[int, Query(ge=1, le=64)] = 20) -> Jobs:
        return Jobs(jobs=[job.describe() for job in desk.jobs.latest(limit)])

    @router.get("/jobs/{id}")
    async def job(id: Id) -> Job:
        return desk.jobs.get(id).describe()

    @router.get("/jobs/{id}/events", response_class=Response, responses={200: {"content": {"text/event-stream": {}}}})
    async def events(id: Id, after: After = None, last_event_id: LastEventId = None) -> Response:
        return event_stream(desk.jobs.get(id).log.read(position(after, last_event_id)))

    @router.delete("/jobs/{id}", status_code=204)
    async def cancel(id: Id) -> None:
        desk.jobs.cancel(id)

    return router


def _blame(desk: Desk, served: Served, wanted: NewBlame) -> Work:
    """The work that says which edit moved a token of a stored answer."""
    message, conversation = desk.store.message(wanted.message)
    whole = desk.store.conversation(conversation, has_tokens=False)
    pane = next((at for at, answer in enumerate(message.answers) if answer.id == wanted.answer), None)
    if message.parent is None or pane is None:
        raise Problem(404, f"Message '{wanted.message}' has no answer '{wanted.answer}'.", code="answer_not_found")
    if whole.model != served.id:
        raise Problem(400, f"The answer was given by {whole.model}, not by {served.id}.", param="model")
    answer = message.answers[pane]
    if wanted.index >= len(answer.tokens):
        raise Problem(400, f"The answer has {len(answer.tokens)} tokens.", param="index")
    if answer.revision == "original":
        raise Problem(400, "The original model gave this answer, so no edit moved it.", param="answer")
    user = next(m for m in whole.messages if m.id == message.parent)
    before = chat_prompt(served.model, history(whole, user, answer.revision_name, pane))
    said = [token.id for token in answer.tokens[: wanted.index]]
    in_force = served.state(answer.revision).in_force
    return lambda report, tell: leave_one_out(served, in_force, [*before, *said], answer.tokens[wanted.index].id)
