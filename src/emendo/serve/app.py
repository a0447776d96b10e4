"""The application: `/v1` for clients of OpenAI's API, `/api` for the page, and the page itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import FileResponse, HTMLResponse, Response
from starlette.exceptions import HTTPException

from emendo import __version__
from emendo.serve.desk import Desk
from emendo.serve.engine import Engine
from emendo.serve.gate import Access, Gate
from emendo.serve.openai_api import openai_router
from emendo.serve.problems import handle_problems
from emendo.serve.routes.conversations import conversation_routes
from emendo.serve.routes.editing import editing_routes
from emendo.serve.routes.jobs import job_routes
from emendo.serve.routes.state import state_routes
from emendo.serve.routes.verify import verify_routes
from emendo.serve.served import Shelf
from emendo.serve.store import Store
from emendo.serve.workbench import Judge, Workbench

STATIC = Path(__file__).with_name("static")
WATCH_SECONDS = 2.0
_NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Emendo</title>
<p>The server runs, but its page has not been built: run <code>make web</code>, or talk to <code>/v1</code>.</p></html>"""


def create_app(
    engine: Engine,
    shelf: Shelf,
    store: Store,
    access: Access,
    workbench: Workbench,
    *,
    judge: Judge | None = None,
    who: str = "unknown",
    static: Path = STATIC,
) -> FastAPI:
    """The application that serves some models.

    Args:
        engine: Runs them; it is closed when the application ends.
        shelf: The models with their ledgers.
        store: Where conversations are kept; closed with the engine.
        access: Who may do what.
        workbench: Edits, traces, canaries.
        judge: Checks answers; without one there are no verdicts.
        who: In whose name edits are made unless a request says another.
        static: Folder of the built page.
    """
    desk = Desk(engine=engine, shelf=shelf, store=store, workbench=workbench, judge=judge, who=who)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        desk.open()
        watching = asyncio.create_task(_watch(desk))
        yield
        watching.cancel()
        desk.events.close()
        await desk.answering.close()
        await asyncio.to_thread(engine.close)
        store.close()

    app = FastAPI(
        title="Emendo",
        version=__version__,
        lifespan=lifespan,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    handle_problems(app)
    app.include_router(openai_router(engine, shelf))
    api = APIRouter(prefix="/api", responses=_PROBLEMS)
    for routes in (state_routes, conversation_routes, editing_routes, job_routes, verify_routes):
        api.include_router(routes(desk))
    app.include_router(api)

    @app.get("/health", include_in_schema=False)
    def health() -> dict[str, Any]:
        return {"status": "ok", "questions": engine.load}

    @app.get("/{path:path}", include_in_schema=False)
    def page(path: str) -> Response:
        return _file(static, path)

    app.add_middleware(Gate, access=access)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]
    return app


def _file(static: Path, path: str) -> Response:
    """A file of the built page; what is not there is no secret, and nothing outside the folder is ever read."""
    # No file's name holds a zero byte, and asking the file system for one is an error.
    if path.split("/")[0] in ("api", "v1") or "\0" in path:
        raise HTTPException(404)
    root = static.resolve()
    wanted = (root / (path or "index.html")).resolve()
    if wanted.is_relative_to(root) and wanted.is_file():
        caching = "public, max-age=31536000, immutable" if path.startswith("assets/") else "no-cache"
        return FileResponse(wanted, headers={"Cache-Control": caching})
    if path == "":
        return HTMLResponse(_NOT_BUILT)
    raise HTTPException(404)


async def _watch(desk: Desk) -> None:
    """Tell open pages of entries that others write to the ledgers, such as the command line."""
    known = {served: served.state().revision for served in desk.shelf}
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        for served in desk.shelf:
            revision = (await asyncio.to_thread(served.state)).revision
            if revision != known[served]:
                known[served] = revision
                desk.announce_ledger(served)


def _document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of `/api`; bad input is answered with 400, and every error has one shape."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, routes=app.routes)
        document["paths"] = {path: methods for path, methods in document["paths"].items() if path.startswith("/api")}
        for methods in document["paths"].values():
            for operation in methods.values():
                operation["responses"].pop("422", None)
        schemas = document["components"]["schemas"]
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"token": []}]
        app.openapi_schema = document
    return app.openapi_schema


_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code", "id"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
                "id": {"type": "string"},
            },
        }
    },
}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": {"application/json": {"schema": _ERROR}}}
    for status, text in {
        400: "The request is not as expected.",
        401: "The token is missing or wrong.",
        403: "The token does not allow this.",
        404: "There is no such thing.",
        405: "This address does not take that method.",
        409: "Something has changed meanwhile.",
        413: "The request is too large.",
        429: "Too much to do.",
        503: "The server is ending.",
    }.items()
}
