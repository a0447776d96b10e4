"""`emendo serve`: chat over HTTP with the original and the edited model, on a page or by OpenAI's API."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

import typer

from emendo.cli.options import DEFAULT_MODEL, WhoOption
from emendo.errors import InvalidRequest


def command(
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            help=f"Embedded model, folder, .gguf file or hub id; repeatable. {DEFAULT_MODEL} unless given.",
            rich_help_panel="Model",
        ),
    ] = None,
    ledger: Annotated[
        list[Path] | None,
        typer.Option(
            "--ledger", help="Folder of a history, in the order of the models; one a model in the data folder unless given."
        ),
    ] = None,
    host: Annotated[str, typer.Option("--host", help="Where to listen; other machines need --token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes any free one.")] = 8000,
    token: Annotated[
        str | None,
        typer.Option("--token", envvar="EMENDO_TOKEN", help="Who knows it may chat and edit; a random one unless given."),
    ] = None,
    chat_token: Annotated[
        str | None,
        typer.Option(
            "--chat-token", envvar="EMENDO_CHAT_TOKEN", help="Who knows it may chat, not edit; a random one unless given."
        ),
    ] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Nobody may edit, whatever the token.")] = False,
    allow_host: Annotated[
        list[str] | None, typer.Option("--allow-host", help="A further name in Host headers, as behind a proxy; repeatable.")
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-origin", help="Another site whose scripts may call, such as 'https://chat.example'; repeatable."
        ),
    ] = None,
    database: Annotated[
        Path | None, typer.Option("--database", help="File of the conversations; in the data folder unless given.")
    ] = None,
    log_requests: Annotated[bool, typer.Option("--log-requests", help="Log the address of every request.")] = False,
    who: WhoOption = None,
) -> None:
    """Serve a page to chat with the original and the edited model, and OpenAI's API.

    The link that is printed holds the token. Nothing leaves the machine, and no other machine can connect unless --host says so.

    \b
    Example:
      emendo serve
      emendo serve --model smollm2-135m --model ./my-model --port 8080
      emendo serve --host 0.0.0.0 --token "$(openssl rand -hex 16)" --read-only
    """
    from emendo.serve.gate import Access, is_loopback

    if not is_loopback(host) and token is None:
        raise InvalidRequest(
            f"Other machines could connect to {host}, so a token must be given: add --token and a long random word."
        )
    names = model or [DEFAULT_MODEL]
    if ledger and len(ledger) != len(names):
        raise InvalidRequest(f"There are {len(names)} models and {len(ledger)} ledgers; give one --ledger for each --model.")
    access = Access(
        token=token or secrets.token_urlsafe(24),
        chat_token=chat_token or secrets.token_urlsafe(24),
        is_read_only=read_only,
        host=host,
        hosts=tuple(allow_host or ()),
        origins=tuple(allow_origin or ()),
    )
    from emendo.cli.serving import run_server

    run_server(names, ledger or [None] * len(names), access, port, database, log_requests, who)
