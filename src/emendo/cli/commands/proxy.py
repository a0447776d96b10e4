"""`emendo proxy`: any OpenAI-compatible server, with verdicts added."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from emendo.cli import console


def command(
    upstream: Annotated[
        str, typer.Option("--upstream", help="Base address of the server, as in http://localhost:11434/v1.")
    ],
    source: Annotated[
        list[str] | None, typer.Option("--source", help="Where to look, as in 'emendo verify'; facts unless given.")
    ] = None,
    judge: Annotated[
        list[str] | None, typer.Option("--judge", help="Who decides, as in 'emendo verify'; slots unless given.")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(envvar="EMENDO_UPSTREAM_KEY", help="Key of the server, where a request brings none.", show_envvar=True),
    ] = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to listen on.")] = 8399,
) -> None:
    """Pass requests on to a server, and verify what it answers.

    Point any OpenAI client at http://127.0.0.1:8399/v1. What the server says comes through untouched and at once; the verdict on
    each sentence follows as an annotation once it is judged, and a last event sums up.

    \b
    Example:
      emendo proxy --upstream http://localhost:11434/v1
      emendo proxy --upstream https://api.example.org/v1 --source facts --source ./docs
      emendo proxy --upstream http://127.0.0.1:8000/v1             # verdicts on what emendo serve says
    """
    import uvicorn

    from emendo.cli.verifying import open_sources
    from emendo.verify import read_judge
    from emendo.verify.growing import GrowingAnswer
    from emendo.verify.proxy import create_proxy

    # Opened once: what they read is kept from answer to answer.
    sources, judges = open_sources(source), [read_judge(name) for name in judge or ("slots",)]

    def begin(question: str) -> GrowingAnswer:
        return GrowingAnswer(question, sources=sources, judges=judges)

    app = create_proxy(upstream, begin, key=key, host=host)
    console.err.print(Text(f"Verdicts are added at http://{host}:{port}/v1; end with Ctrl-C."), soft_wrap=True)
    # Requests may carry keys in their addresses: none is logged.
    uvicorn.run(app, host=host, port=port, access_log=False, log_level="warning")
