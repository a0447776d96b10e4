"""Errors as clients of OpenAI's API expect them: a status, and `{"error": {message, type, param, code, id}}`.

An error that nobody foresaw is logged with its traceback under an id; the client gets the id alone.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from emendo.errors import EditRefused, EmendoError, InvalidRequest, LedgerError, PromptTooLong

_log = logging.getLogger(__name__)


class Problem(Exception):
    """What a client is told.

    Args:
        status: HTTP status.
        message: What was found, what was expected, what to do.
        code: A word for machines.
        param: The field that is at fault.
        headers: Further headers of the answer.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.param, self.headers = status, code, param, dict(headers or {})

    def body(self) -> dict[str, Any]:
        """The answer's body."""
        kinds = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
        return {
            "error": {
                "message": str(self),
                "type": kinds.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error"),
                "param": self.param,
                "code": self.code,
                "id": secrets.token_hex(6),
            }
        }

    def response(self) -> JSONResponse:
        """The answer."""
        return JSONResponse(self.body(), self.status, self.headers)


class Busy(Problem):
    """Too many questions are being answered."""

    def __init__(self, running: int) -> None:
        super().__init__(
            429,
            f"{running} questions are being answered already; ask again in a moment.",
            code="rate_limit_exceeded",
            headers={"Retry-After": "2"},
        )


class Closed(Problem):
    """The server is ending."""

    def __init__(self) -> None:
        super().__init__(503, "The server is ending; start it again.", code="unavailable")


def problem_of(error: Exception) -> Problem:
    """What a client is told of an error."""
    if isinstance(error, Problem):
        return error
    for kind, status, code in (
        (PromptTooLong, 400, "context_length_exceeded"),
        (InvalidRequest, 400, None),
        (EditRefused, 400, "edit_refused"),
        (LedgerError, 503, "ledger_unavailable"),
        (EmendoError, 400, None),
    ):
        if isinstance(error, kind):
            return Problem(status, str(error), code=code)
    number = secrets.token_hex(6)
    _log.error("Error %s", number, exc_info=error)
    return Problem(500, f"Something went wrong here; the server's log has it as error {number}.", code="internal_error")


def handle_problems(app: FastAPI) -> None:
    """Make every error of an application a problem."""

    def answer(_: Request, error: Exception) -> JSONResponse:
        return problem_of(error).response()

    def invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        # The first part says whether it stands in the body; numbers and names of alternatives are no fields.
        field = ".".join(str(part) for part in first["loc"][1:]) or None
        where = f"'{field}'" if field else "The request"
        return Problem(400, f"{where} is not as expected: {first['msg']}.", param=field).response()

    def http(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        texts = {404: "There is nothing at this address.", 405: "This address does not take that method."}
        message = texts.get(error.status_code, str(error.detail))
        return Problem(error.status_code, message, headers=error.headers).response()

    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Problem, answer)
    app.add_exception_handler(EmendoError, answer)
