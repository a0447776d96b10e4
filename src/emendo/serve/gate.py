"""What every request passes first, and what every answer carries.

A page of another site may make a browser talk to this server: by its name (DNS rebinding), by a form, by a script. So the Host
header must name this server, an Origin must be this server's or one that was allowed, and everything but the page's own files and
`/health` needs the token, which no page of another site knows. There are no cookies.

A browser's extension has no site by which it could be told from another: any may ask for verdicts, with the token, and for
nothing else.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from emendo.serve.problems import Problem, problem_of

MOST_BODY_BYTES = 1 << 20
BODY_SECONDS = 30
METHODS = "GET, POST, PATCH, DELETE, OPTIONS"
_CLOSED = ("/api", "/v1")
_EXTENSION = "chrome-extension://"
_FOR_EXTENSIONS = ("POST", "/api/verify")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
        "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

Right = Literal["chat", "edit"]


@dataclass(frozen=True, kw_only=True)
class Access:
    """Who may do what, from where.

    Attributes:
        token: Lets its bearer chat and edit.
        chat_token: Lets its bearer chat, and read; None for none.
        is_read_only: Nobody may edit.
        host: What the server is bound to.
        hosts: Further names by which it may be addressed.
        origins: Other sites whose scripts may talk to it, such as "https://chat.example".
    """

    token: str
    chat_token: str | None = None
    is_read_only: bool = False
    host: str = "127.0.0.1"
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()

    def rights(self, authorization: str) -> frozenset[Right]:
        """What the bearer of a token may do; every comparison takes the same time."""
        given = authorization.removeprefix("Bearer ").strip().encode()
        is_whole = hmac.compare_digest(given, self.token.encode())
        is_chat = hmac.compare_digest(given, (self.chat_token or self.token).encode())
        if is_whole:
            return frozenset({"chat"} if self.is_read_only else {"chat", "edit"})
        return frozenset({"chat"} if is_chat else ())

    def is_own_host(self, header: str) -> bool:
        """Whether a Host header names this server; names that anyone can point here are refused."""
        name = urlsplit(f"//{header}").hostname or ""
        if name in {"localhost", self.host, *self.hosts}:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or not is_loopback(self.host)

    def is_own_origin(self, origin: str, host: str) -> bool:
        """Whether a script of that origin may talk to this server."""
        return origin in self.origins or urlsplit(origin).netloc == host

    def may_ask(self, origin: str, host: str, method: str, path: str) -> bool:
        """Whether a script of that origin may ask for that; an extension of a browser may ask for verdicts."""
        is_for_extension = origin.startswith(_EXTENSION) and (method, path) == _FOR_EXTENSIONS
        return is_for_extension or self.is_own_origin(origin, host)


def is_loopback(host: str) -> bool:
    """Whether a server that is bound to a host is reached from this machine alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Gate:
    """Lets requests in.

    Args:
        app: What is behind the gate.
        access: Who may do what.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app, self.access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers, is_answered = Headers(scope=scope), False

        async def answer(message: Message) -> None:
            nonlocal is_answered
            if message["type"] == "http.response.start":
                is_answered = True
                self._sign(MutableHeaders(scope=message), scope["path"], headers.get("origin"))
            await send(message)

        try:
            if scope["method"] == "OPTIONS":
                self._check_place(scope, headers)
                await answer({"type": "http.response.start", "status": 204, "headers": [(b"allow", METHODS.encode())]})
                await answer({"type": "http.response.body", "body": b""})
                return
            self._check_place(scope, headers)
            scope.setdefault("state", {})["rights"] = self._rights(scope["path"], headers)
            inner = await _with_body(headers, receive)
            await self.app(scope, inner, answer)
        except Exception as error:
            problem = problem_of(error)
            if is_answered:
                raise
            await problem.response()(scope, receive, answer)

    def _check_place(self, scope: Scope, headers: Headers) -> None:
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self.access.is_own_host(host):
            raise Problem(
                403, "The Host header does not name this server; name others with --allow-host.", code="wrong_host"
            )
        if origin is not None and not self.access.may_ask(origin, host, scope["method"], scope["path"]):
            raise Problem(403, "Scripts of another site may not talk to this server.", code="wrong_origin")

    def _rights(self, path: str, headers: Headers) -> frozenset[Right]:
        rights = self.access.rights(headers.get("authorization", ""))
        if not rights and any(path == closed or path.startswith(closed + "/") for closed in _CLOSED):
            raise Problem(
                401,
                "The token is missing or wrong; send 'Authorization: Bearer TOKEN' with the token that was printed at the start.",
                code="invalid_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )
        return rights

    def _sign(self, headers: MutableHeaders, path: str, origin: str | None) -> None:
        for name, value in _HEADERS.items():
            headers.setdefault(name, value)
        if path.startswith(_CLOSED):
            headers.setdefault("Cache-Control", "no-store")
        if origin in self.access.origins:
            headers["Access-Control-Allow-Origin"] = origin or ""
            headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, Last-Event-ID"
            headers["Access-Control-Allow-Methods"] = METHODS
            headers["Vary"] = "Origin"


async def _with_body(headers: Headers, receive: Receive) -> Receive:
    """A `receive` that first gives the whole body, once that is here and short enough."""
    declared = headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > MOST_BODY_BYTES:
        raise _too_large()
    body = b""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    break
                body += message.get("body", b"")
                if len(body) > MOST_BODY_BYTES:
                    raise _too_large()
                if not message.get("more_body", False):
                    break
    except TimeoutError as error:
        raise Problem(408, f"The request's body did not arrive within {BODY_SECONDS} seconds.", code="timeout") from error
    _check_text(body)
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def give() -> Message:
        return first.pop() if first else await receive()

    return give


def _check_text(body: bytes) -> None:
    """Refuse JSON with halves of characters: neither a tokenizer nor a database takes them."""
    if b"\\ud" not in body.lower():
        return
    try:
        json.dumps(json.loads(body), ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise Problem(400, "The request holds half of a character (a lone surrogate); send whole ones.") from error
    except (ValueError, RecursionError):
        # No JSON at all: whoever reads it says so.
        return


def _too_large() -> Problem:
    return Problem(413, f"The request's body is larger than {MOST_BODY_BYTES} bytes; send less.", code="request_too_large")
