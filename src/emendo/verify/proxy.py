"""An OpenAI-compatible proxy that adds verdicts: what the upstream server says is passed on untouched, the verdicts follow.

    stream       every event as it comes; a chunk with `annotations` where a sentence has ended and is judged; before "[DONE]"
                 those on the rest, and an event named `emendo.verification` that sums up
    no stream    `annotations` in each message, `emendo_verification` beside the choices
    report       GET /v1/verifications/ID

Nothing that goes wrong with the verification touches the answer: the event says that the check failed. Where the upstream server
dies in the middle, what it said is passed on, verified and marked as incomplete, and no "[DONE]" follows. The key of the upstream
server is taken from the client's request or given once; it is written nowhere. Pages of other sites are refused, since a browser
that visits them could spend the key.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from emendo.errors import InvalidRequest
from emendo.verify.relay import Checking, annotation_of, finished, relay
from emendo.verify.report import Report

Begin = Callable[[str], Checking]

_KEPT = 256
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
# Headers of one hop, and those that are made anew.
_NOT_FORWARDED = frozenset(
    "connection keep-alive proxy-authenticate proxy-authorization te trailer transfer-encoding upgrade host content-length "
    "content-encoding accept-encoding origin referer cookie set-cookie".split()
)


def create_proxy(
    upstream: str, begin: Begin, *, key: str | None = None, host: str = "127.0.0.1", timeout: float = 600.0
) -> Starlette:
    """The proxy as an ASGI application.

    Args:
        upstream: Base address of the server, with its version: "http://localhost:11434/v1".
        begin: Begins the check of an answer to a question.
        key: Sent to the upstream server where a request brings none.
        host: Name under which the proxy is reached besides the loopback ones.
        timeout: Seconds without a byte after which the upstream server counts as dead.

    Raises:
        InvalidRequest: The address is none.
    """
    address = urlsplit(upstream)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise InvalidRequest(f"'{upstream}' is no address of a server; give one as in 'http://localhost:11434/v1'.")
    proxy = _Proxy(upstream.rstrip("/"), begin, key, timeout)
    return Starlette(
        routes=[
            Route("/v1/verifications/{id}", proxy.report, methods=["GET"]),
            Route("/v1/{path:path}", proxy.forward, methods=_METHODS),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[*_LOOPBACK[:2], "[::1]", host])],
        lifespan=proxy.lifespan,
    )


class _Proxy:
    """The client of the upstream server, and the newest reports."""

    def __init__(self, upstream: str, begin: Begin, key: str | None, timeout: float) -> None:
        self._upstream, self._begin, self._key = upstream, begin, key
        self._client = httpx.AsyncClient(timeout=httpx.Timeout(timeout, connect=10.0), trust_env=False)
        self._reports: OrderedDict[str, Report] = OrderedDict()

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Closes the client in the end."""
        async with self._client:
            yield

    async def report(self, request: Request) -> Response:
        """A report that was made before."""
        report = self._reports.get(request.path_params["id"])
        if report is None:
            return _failure(404, "There is no such verification; only the newest are kept.")
        return JSONResponse({"id": report.id, **report.describe()})

    async def forward(self, request: Request) -> Response:
        """What the upstream server answers, with verdicts where it is an answer."""
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).hostname not in _LOOPBACK:
            return _failure(403, "Pages of other sites may not use this proxy.")
        path, body = request.path_params["path"], await request.body()
        headers = {name: value for name, value in request.headers.items() if name not in _NOT_FORWARDED}
        headers["accept-encoding"] = "identity"
        if self._key and "authorization" not in headers:
            headers["authorization"] = f"Bearer {self._key}"
        made = self._client.build_request(
            request.method, f"{self._upstream}/{path}", params=request.query_params, headers=headers, content=body
        )
        try:
            answer = await self._client.send(made, stream=True)
        except httpx.HTTPError as error:
            return _failure(502, f"The upstream server cannot be reached ({type(error).__name__}).")
        kept = {name: value for name, value in answer.headers.items() if name not in _NOT_FORWARDED}
        is_answer = path in ("chat/completions", "completions") and request.method == "POST" and answer.status_code == 200
        question = question_in(body) if is_answer else ""
        if answer.headers.get("content-type", "").startswith("text/event-stream"):
            pieces = relay(answer, partial(self._begin, question), self._keep) if is_answer else _untouched(answer)
            return StreamingResponse(pieces, status_code=answer.status_code, headers=kept)
        try:
            content = await answer.aread()
        except httpx.HTTPError as error:
            return _failure(502, f"The upstream server broke off its answer ({type(error).__name__}).")
        finally:
            await answer.aclose()
        if is_answer:
            content = await self._annotated(content, question)
        return Response(content, status_code=answer.status_code, headers=kept)

    async def _annotated(self, content: bytes, question: str) -> bytes:
        """A whole answer with its verdicts; unchanged where it is not of the expected form."""
        try:
            told = json.loads(content)
            texts = [(choice, text) for choice in told["choices"] if (text := _text_of(choice)) is not None]
        except (ValueError, KeyError, TypeError, AttributeError):
            return content
        summaries = []
        for choice, text in texts:
            found, verdicts = await finished(partial(self._begin, question), text, self._keep)
            annotations = [annotation_of(verdict) for verdict in verdicts]
            holder = choice["message"] if isinstance(choice.get("message"), dict) else choice
            holder["annotations"] = [*(holder.get("annotations") or []), *annotations]
            summaries.append({**found, "choice": choice.get("index", 0), "is_complete": True})
        told["emendo_verification"] = summaries
        return json.dumps(told, ensure_ascii=False).encode()

    def _keep(self, report: Report) -> None:
        self._reports[report.id] = report
        while len(self._reports) > _KEPT:
            self._reports.popitem(last=False)


def question_in(body: bytes) -> str:
    """What the last message of the user in a request asks; its prompt where it has no messages."""
    try:
        told = json.loads(body)
        asked = [message["content"] for message in told.get("messages", ()) if message.get("role") == "user"]
        last = asked[-1] if asked else told.get("prompt", "")
        if isinstance(last, list):
            return " ".join(part["text"] for part in last if part.get("type") == "text")
        return str(last or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""


def _text_of(choice: Mapping[str, Any]) -> str | None:
    message = choice.get("message")
    text = message.get("content") if isinstance(message, dict) else choice.get("text")
    return text if isinstance(text, str) else None


async def _untouched(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for piece in answer.aiter_raw():
            yield piece
    finally:
        await answer.aclose()


def _failure(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"error": {"message": sentence, "type": "emendo_proxy"}}, status_code=status)
