"""From the engine's thread to a client: mailboxes, server-sent events with keep-alives, work that ends with its client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

from fastapi import Request
from fastapi.responses import StreamingResponse

from emendo.serve.question import Event, Failed, Finished

KEEP_ALIVE_SECONDS = 15.0
KEEP_ALIVE = ": keep-alive\n\n"


class Mailbox:
    """Takes events from any thread; one task of the loop in which it was made reads them."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Event] = asyncio.Queue()

    def put(self, event: Event) -> None:
        """Called by the engine. Where the loop has ended, nobody reads any more."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._queue.put_nowait, event)

    async def events(self) -> AsyncIterator[Event]:
        """Events up to the end of the question.

        Raises:
            Exception: What the question failed with.
        """
        while True:
            event = await self._queue.get()
            if isinstance(event, Failed):
                raise event.error
            if isinstance(event, Finished):
                return
            yield event


async def kept_alive(parts: AsyncIterator[str]) -> AsyncIterator[str]:
    """The parts of a stream, with a comment whenever none came for a while."""
    following: asyncio.Task[str] | None = None
    try:
        while True:
            following = following or asyncio.ensure_future(anext(parts))
            done, _ = await asyncio.wait({following}, timeout=KEEP_ALIVE_SECONDS)
            if not done:
                yield KEEP_ALIVE
                continue
            try:
                part = following.result()
            except StopAsyncIteration:
                return
            finally:
                following = None
            yield part
    finally:
        if following is not None:
            following.cancel()
            with suppress(asyncio.CancelledError, StopAsyncIteration):
                await following
        await parts.aclose()  # type: ignore[attr-defined]


def event_stream(parts: AsyncIterator[str]) -> StreamingResponse:
    """The answer that streams these parts."""
    return StreamingResponse(
        kept_alive(parts), media_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )


def named_event(number: int, name: str, value: Any) -> str:
    """One event of `/api`."""
    return f"id: {number}\nevent: {name}\ndata: {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}\n\n"


async def while_connected(request: Request, work: Any, give_up: Callable[[], None]) -> Any:
    """What `work` comes to; if the client goes before that, `give_up` is called."""
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            give_up()
        return await working
    finally:
        for task in (working, gone):
            task.cancel()
        with suppress(asyncio.CancelledError):
            await gone
        give_up()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
