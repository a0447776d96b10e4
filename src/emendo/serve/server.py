"""How the application is run: by uvicorn, in the same way for users and for tests."""

from __future__ import annotations

import uvicorn
from fastapi import FastAPI

KEEP_ALIVE_SECONDS = 15
SHUTDOWN_SECONDS = 3


def make_server(app: FastAPI, *, has_log: bool = False) -> uvicorn.Server:
    """A server for an application; addresses are logged only if that is asked for, since they may hold what users look for."""
    config = uvicorn.Config(
        app,
        log_level="info" if has_log else "warning",
        access_log=has_log,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        lifespan="on",
        ws="none",
    )
    return uvicorn.Server(config)
