"""`/api/conversations` and `/api/messages`: talk, in versions, at one or two revisions at a time."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Response
from fastapi.concurrency import run_in_threadpool

from emendo.serve.answering import told_end
from emendo.serve.desk import Desk
from emendo.serve.event_log import EventLog
from emendo.serve.problems import Problem
from emendo.serve.shapes import (
    AskedMessage,
    Conversation,
    ConversationChange,
    Headlines,
    Id,
    Message,
    NewAnswers,
    NewConversation,
    NewMessage,
    SentMessage,
)
from emendo.serve.streams import event_stream
from emendo.serve.transcript import as_markdown

After = Annotated[int | None, Query(ge=0)]
LastEventId = Annotated[str | None, Header(max_length=20)]
_EXPORTED: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {}, "text/markdown": {}}}}


def conversation_routes(desk: Desk) -> APIRouter:
    """The routes of conversations."""
    router = APIRouter(tags=["conversations"])

    @router.get("/conversations")
    def conversations(
        query: Annotated[str | None, Query(max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        before: Annotated[str | None, Query(max_length=40)] = None,
    ) -> Headlines:
        return Headlines(conversations=desk.store.conversations(query, limit, before))

    @router.post("/conversations", status_code=201)
    async def create(wanted: NewConversation) -> Conversation:
        served = desk.shelf.get(wanted.model)
        made = await run_in_threadpool(desk.store.create, served.id, wanted.system, wanted.settings)
        desk.announce("conversation", id=made.id)
        return made

    @router.get("/conversations/{id}")
    def conversation(id: Id, tokens: bool = True) -> Conversation:
        return desk.store.conversation(id, has_tokens=tokens)

    @router.patch("/conversations/{id}")
    async def change(id: Id, wanted: ConversationChange) -> Conversation:
        changes = {name: getattr(wanted, name) for name in wanted.model_fields_set}
        if changes.get("model") is not None:
            desk.shelf.get(changes["model"])
        # A title and a model cannot be nothing; a system prompt can.
        changes = {name: value for name, value in changes.items() if value is not None or name == "system"}
        if "settings" in changes:
            before = await run_in_threadpool(lambda: desk.store.conversation(id, has_tokens=False))
            changes["settings"] = before.settings.model_copy(update=changes["settings"].model_dump(exclude_unset=True))
        changed = await run_in_threadpool(lambda: desk.store.change(id, **changes))
        desk.announce("conversation", id=id)
        return changed

    @router.delete("/conversations/{id}", status_code=204)
    async def delete(id: Id) -> None:
        whole = await run_in_threadpool(lambda: desk.store.conversation(id, has_tokens=False))
        desk.answering.stop_conversation(whole.messages)
        await run_in_threadpool(desk.store.delete, id)
        desk.announce("conversation", id=id, deleted=True)

    @router.post("/conversations/{id}/messages", status_code=201)
    async def say(id: Id, wanted: NewMessage) -> SentMessage:
        user = await run_in_threadpool(desk.store.say, id, wanted.parent, wanted.content)
        try:
            assistant = await desk.answering.answer(user, id, wanted.revisions, wanted.settings)
        except BaseException:
            await run_in_threadpool(desk.store.unsay, user.id)
            raise
        desk.announce("conversation", id=id)
        return SentMessage(user=user, assistant=assistant)

    @router.get("/messages/{id}")
    def message(id: Id) -> Message:
        return desk.store.message(id)[0]

    @router.post("/messages/{id}/answers", status_code=201)
    async def answer(id: Id, wanted: NewAnswers) -> AskedMessage:
        user, conversation = await run_in_threadpool(desk.store.message, id)
        if user.role != "user":
            raise Problem(400, "Only what a user said is answered; name the user's message.", param="id")
        assistant = await desk.answering.answer(user, conversation, wanted.revisions, wanted.settings)
        desk.announce("conversation", id=conversation)
        return AskedMessage(assistant=assistant)

    @router.post("/messages/{id}/stop", status_code=204)
    async def stop(id: Id) -> None:
        await run_in_threadpool(desk.store.message, id)
        desk.answering.stop(id)

    @router.get("/messages/{id}/events", response_class=Response, responses={200: {"content": {"text/event-stream": {}}}})
    async def events(id: Id, after: After = None, last_event_id: LastEventId = None) -> Response:
        message, _ = await run_in_threadpool(desk.store.message, id)
        log = desk.answering.log(id) or _finished(message)
        return event_stream(log.read(position(after, last_event_id)))

    @router.get("/conversations/{id}/export", response_class=Response, responses=_EXPORTED)
    def export(id: Id, form: Annotated[Literal["json", "markdown"], Query(alias="format")] = "json") -> Response:
        whole = desk.store.conversation(id, has_tokens=form == "json")
        if form == "json":
            content, kind, ending = whole.model_dump_json(indent=2), "application/json", "json"
        else:
            content, kind, ending = as_markdown(whole), "text/markdown; charset=utf-8", "md"
        name = f'attachment; filename="conversation-{whole.id}.{ending}"'
        return Response(content, media_type=kind, headers={"Content-Disposition": name})

    return router


def position(after: int | None, last_event_id: str | None) -> int:
    """Number of the last event that a reader has seen; what the browser says comes first."""
    if last_event_id is not None and last_event_id.isdecimal():
        return int(last_event_id)
    return after or 0


def _finished(message: Message) -> EventLog:
    """The events of a message that ended before this server began."""
    log = EventLog()
    for answer in message.answers:
        log.add("start", {"answer": answer.id})
        for index, token in enumerate(answer.tokens):
            log.add("token", {"answer": answer.id, "index": index, **token.model_dump()})
        log.add("end", told_end(answer))
    log.add("done", {})
    log.close()
    return log
