"""`/api/models/{model}` and `/api/fixes`: the ledger, edits, reverts, and what an earlier revision would say."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool

from emendo.ledger import Entry
from emendo.models import chat_prompt, encode
from emendo.serve.answering import sampling
from emendo.serve.desk import Desk, require_edit
from emendo.serve.edit_shapes import (
    EntryShape,
    LedgerShape,
    NewEdit,
    NewRestore,
    NewRevert,
    RequestShape,
    Suggestion,
    WrongWords,
)
from emendo.serve.problems import Problem
from emendo.serve.question import Answer, Ended, Question, RowRequest
from emendo.serve.served import Served
from emendo.serve.shapes import Id, ShortAnswer, ShortQuestion
from emendo.serve.streams import Mailbox, while_connected


def editing_routes(desk: Desk) -> APIRouter:
    """The routes of edits."""
    router = APIRouter(tags=["edits"])

    @router.get("/models/{model}/ledger")
    def ledger(model: Id) -> LedgerShape:
        served = desk.shelf.get(model)
        entries = served.ledger.entries()
        return LedgerShape(revision=served.state().revision, entries=describe(entries))

    @router.post("/models/{model}/edits", status_code=201, dependencies=[Depends(require_edit)])
    async def edit(model: Id, wanted: NewEdit) -> EntryShape:
        served = desk.shelf.get(model)
        preview = desk.jobs.preview(wanted.preview, served)
        if preview.revision != served.state().revision:
            raise Problem(409, "The ledger has changed since this preview; preview the edit again.", code="ledger_moved")
        entry = await run_in_threadpool(preview.commit, wanted.strength, wanted.who or desk.who, wanted.why)
        desk.announce_ledger(served)
        return _newest(served, entry)

    @router.post("/models/{model}/reverts", status_code=201, dependencies=[Depends(require_edit)])
    async def revert(model: Id, wanted: NewRevert) -> EntryShape:
        served = desk.shelf.get(model)
        if bool(wanted.entries) == wanted.all:
            raise Problem(
                400, "Name the edits to take back by their numbers, or say 'all'; one of the two.", param="entries"
            )
        if wanted.all:
            entry = await run_in_threadpool(served.ledger.revert_all, desk.who, wanted.why)
        else:
            entry = await run_in_threadpool(served.ledger.revert, wanted.entries, desk.who, wanted.why)
        desk.announce_ledger(served)
        return _newest(served, entry)

    @router.post("/models/{model}/restores", status_code=201, dependencies=[Depends(require_edit)])
    async def restore(model: Id, wanted: NewRestore) -> EntryShape:
        served = desk.shelf.get(model)
        entry = await run_in_threadpool(desk.workbench.restore, served, wanted.entry, desk.who, wanted.why)
        desk.announce_ledger(served)
        return _newest(served, entry)

    @router.post("/models/{model}/answer")
    async def answer(model: Id, wanted: ShortQuestion, request: Request) -> ShortAnswer:
        served = desk.shelf.get(model)
        question = await run_in_threadpool(_question, served, wanted)
        mailbox = Mailbox()
        ticket = desk.engine.ask(question, mailbox.put)

        async def ended() -> Answer:
            ends = [event async for event in mailbox.events() if isinstance(event, Ended)]
            return ends[0].answer

        said = await while_connected(request, ended(), ticket.cancel)
        return ShortAnswer(text=said.text, revision=said.revision, finish_reason=said.finish)

    @router.post("/fixes")
    def fix(wanted: WrongWords) -> Suggestion:
        served = desk.shelf.get(wanted.model)
        if not wanted.wrong.start < wanted.wrong.end <= len(wanted.answer_text):
            raise Problem(400, "The wrong words do not lie within the answer's text.", param="wrong")
        return desk.workbench.suggest(served, wanted)

    return router


def describe(entries: list[Entry]) -> list[EntryShape]:
    """Entries as `/api` tells them, with what has become of each."""
    reverted_by = {number: entry.number for entry in entries for number in entry.reverts}
    return [
        EntryShape(
            number=entry.number,
            kind=entry.kind,
            when=entry.when,
            who=entry.who,
            why=entry.why,
            revision=entry.revision,
            method=entry.method,
            layers=list(entry.layers),
            relative_norm=entry.figures.get("relative_norm"),
            seconds=entry.figures.get("seconds"),
            requests=[
                RequestShape(
                    subject=request.fact.subject,
                    prompt=request.fact.prompt,
                    target_new=request.target_new,
                    target_true=request.fact.target_true,
                )
                for request in entry.requests
            ],
            in_force=entry.kind == "edit" and entry.number not in reverted_by,
            reverted_by=reverted_by.get(entry.number),
            reverts=list(entry.reverts),
        )
        for entry in entries
    ]


def _newest(served: Served, entry: Entry) -> EntryShape:
    return next(shape for shape in describe(served.ledger.entries()) if shape.number == entry.number)


def _question(served: Served, wanted: ShortQuestion) -> Question:
    if (wanted.prompt is None) == (wanted.messages is None):
        raise Problem(400, "Give a 'prompt' to complete, or 'messages'; one of the two.")
    model = served.model
    if wanted.messages is None:
        prompt = tuple(encode(model, wanted.prompt or ""))
    else:
        prompt = tuple(chat_prompt(model, [message.model_dump() for message in wanted.messages]))
    chosen = sampling(model, wanted.settings, wanted.settings.seed or 0, len(prompt), top=0)
    row = RowRequest(prompt=prompt, revision=served.revision(wanted.revision), sampling=chosen)
    return Question(model=model, rows=(row,))
