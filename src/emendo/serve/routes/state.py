"""`/api/state`, `/api/events`, `/api/tokens`: what there is, and what has changed."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from emendo import __version__
from emendo.models import encode
from emendo.serve.answering import DEFAULTS
from emendo.serve.desk import Desk
from emendo.serve.routes.conversations import After, LastEventId, position
from emendo.serve.shapes import Has, ModelState, ServerState, TextOfModel, TokenSpan, TokenSpans
from emendo.serve.streams import event_stream


def state_routes(desk: Desk) -> APIRouter:
    """The routes of the state."""
    router = APIRouter(tags=["state"])

    @router.get("/state")
    def state(request: Request) -> ServerState:
        models = []
        for served in desk.shelf:
            now = served.state()
            models.append(
                ModelState(
                    id=served.id,
                    name=served.title,
                    digest=served.model.digest,
                    n_layers=served.model.n_layers,
                    context_length=served.model.context_length,
                    revision=now.revision,
                    edits_in_force=len(now.in_force),
                    defaults=DEFAULTS,
                )
            )
        return ServerState(
            version=__version__,
            models=models,
            may_edit="edit" in request.state.rights,
            has=Has(verify=desk.judge is not None),
            who=desk.who,
        )

    @router.get("/events", response_class=Response, responses={200: {"content": {"text/event-stream": {}}}})
    async def events(after: After = None, last_event_id: LastEventId = None) -> Response:
        # Whoever does not say where it was wants what happens from now on.
        is_new = after is None and last_event_id is None
        seen = desk.events.length if is_new else position(after, last_event_id)
        return event_stream(desk.events.read(seen))

    @router.post("/tokens")
    def tokens(wanted: TextOfModel) -> TokenSpans:
        model = desk.shelf.get(wanted.model).model
        ids = encode(model, wanted.text)
        offsets = model.tokenizer(wanted.text, return_offsets_mapping=True)["offset_mapping"]
        return TokenSpans(
            tokens=[
                TokenSpan(id=id, text=model.tokenizer.decode([id]), start=start, end=end)
                for id, (start, end) in zip(ids, offsets, strict=True)
            ]
        )

    return router
