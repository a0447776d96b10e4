"""Events that are numbered and kept, so that a reader who was away goes on where it was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from emendo.serve.streams import named_event


class EventLog:
    """Events of one thing, from its beginning; used within one loop.

    Attributes:
        is_closed: Nothing more comes.
        length: How many events there were.

    Args:
        most_kept: How many of the latest are kept; all unless given.
    """

    def __init__(self, most_kept: int | None = None) -> None:
        self.is_closed, self.length, self._most_kept = False, 0, most_kept
        self._events: list[tuple[str, Any]] = []
        self._changed = asyncio.Event()

    def add(self, name: str, value: Any) -> None:
        """One more event."""
        self._events.append((name, value))
        self.length += 1
        if self._most_kept is not None:
            del self._events[: -self._most_kept]
        self._wake()

    def close(self) -> None:
        """Nothing more comes."""
        self.is_closed = True
        self._wake()

    async def read(self, after: int = 0) -> AsyncIterator[str]:
        """The events after that number as a client reads them, the first being number 1, until the log is closed."""
        # A number beyond the last is that of another server, which ended.
        at = after if after <= self.length else 0
        while True:
            while at < self.length:
                first = self.length - len(self._events)
                at = max(at, first) + 1
                yield named_event(at, *self._events[at - 1 - first])
            if self.is_closed:
                return
            await self._changed.wait()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
