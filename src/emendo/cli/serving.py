"""Load models, wire the application, and run it until it is interrupted."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

from emendo.cli.console import out
from emendo.cli.judging import PageJudge
from emendo.cli.session import operating_user
from emendo.cli.workbench import Workbench
from emendo.errors import InvalidRequest
from emendo.home import default_home
from emendo.ledger import Ledger
from emendo.models import load_model
from emendo.serve import Access, Engine, Shelf, create_app
from emendo.serve.server import make_server
from emendo.serve.store import Store


def run_server(
    names: Sequence[str],
    ledgers: Sequence[Path | None],
    access: Access,
    port: int,
    database: Path | None,
    has_log: bool,
    who: str | None,
) -> None:
    """Serve some models until the process is interrupted.

    Raises:
        InvalidRequest: The address is taken.
    """
    with _bound(access.host, port) as listening:
        models = [load_model(name) for name in names]
        shelf = Shelf([(model, Ledger.open(model, folder)) for model, folder in zip(models, ledgers, strict=True)])
        store = Store(database or default_home() / "conversations.sqlite")
        app = create_app(Engine(), shelf, store, access, Workbench(), judge=PageJudge(shelf), who=who or operating_user())
        address = f"http://{_shown(access.host)}:{listening.getsockname()[1]}"
        out.print(f"The page:  [bold]{address}/#token={access.token}[/]", soft_wrap=True)
        out.print(f"The API:   {address}/v1   with the key {access.chat_token}, which cannot edit", soft_wrap=True)
        out.print(f"Models:    {', '.join(served.id for served in shelf)}   (Ctrl-C ends the server)", soft_wrap=True)
        make_server(app, has_log=has_log).run(sockets=[listening])


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise InvalidRequest(
            f"Nothing can listen at {host}, port {port} ({error.strerror or error}); choose another with --port."
        ) from error
    return listening


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
