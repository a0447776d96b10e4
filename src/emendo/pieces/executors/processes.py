"""A pool of processes on this machine, each with its own copy of the model.

A worker that dies is replaced, and its piece is computed again. Processes are spawned, so a program of the user's own needs
``if __name__ == "__main__":`` around what it does.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any

from emendo.pieces.turns import Turns
from emendo.pieces.work import Work
from emendo.pieces.worker import Outcome, Worker

IS_HERE = False

_SPAWN = get_context("spawn")


class _Process:
    """A worker process, and the piece that it is at."""

    def __init__(self, work: Work) -> None:
        self.connection, theirs = _SPAWN.Pipe()
        self.process = _SPAWN.Process(target=_serve, args=(theirs, work), daemon=True)
        self.process.start()
        # Only the worker holds its end now, so that its death is read here as the end of the connection.
        theirs.close()
        self.number = -1

    def give(self, number: int, piece: Any) -> None:
        """Let the worker compute a piece."""
        self.number = number
        # A worker that is dead already is found dead when its answer is read.
        with suppress(OSError):
            self.connection.send(piece)

    def answer(self) -> Outcome | None:
        """What came of the piece; None where the worker is dead."""
        try:
            outcome: Outcome = self.connection.recv()
        except (EOFError, OSError):
            self.process.join()
            return None
        return outcome

    def end(self) -> None:
        """End the worker, whatever it is at."""
        self.connection.close()
        self.process.terminate()
        self.process.join()
        self.process.close()


def run(work: Work, pieces: Sequence[Any], *, workers: int, context: Any) -> Iterator[tuple[int, bytes]]:
    """The number of each piece and its sealed result, as they come.

    Raises:
        PieceFailed: A piece ended its worker every time.
        EmendoError: What a piece raised.
    """
    turns = Turns(len(pieces))
    busy: dict[Any, _Process] = {}

    def start(process: _Process) -> None:
        number = turns.take()
        process.give(number, pieces[number])
        busy[process.connection] = process

    try:
        for _ in range(min(workers, len(pieces))):
            start(_Process(work))
        while busy:
            for connection in wait(list(busy)):
                process = busy[connection]
                outcome = process.answer()
                if outcome is None:
                    how, number = f"exit code {process.process.exitcode}", process.number
                    busy.pop(connection).end()
                    turns.bury(number, how)
                    start(_Process(work))
                    continue
                number = process.number
                if turns:
                    start(process)
                else:
                    busy.pop(connection).end()
                yield number, outcome.result()
    finally:
        for process in busy.values():
            process.end()


def _serve(connection: Connection, work: Work) -> None:
    """Compute pieces until the other end is closed."""
    # Ctrl-C reaches every process of a terminal; the parent alone answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    worker = Worker(work)
    with suppress(EOFError, BrokenPipeError):
        while True:
            connection.send(worker.answer(connection.recv()))
