"""What computes pieces, wherever it runs: a context, made once, and one function.

An error crosses from process to process as its words, since not every exception can be pickled: one of Emendo's own becomes
itself again, any other an error that carries the worker's traceback.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Any

from emendo import errors
from emendo.errors import EmendoError
from emendo.pieces.sealed import seal
from emendo.pieces.work import Work, named_function, torch_threads


class PieceError(Exception):
    """A piece raised something that is no mistake of the user; the message holds the traceback of its worker."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a piece in a worker.

    Attributes:
        sealed: Its result.
        error: Class of the error, if there was one.
        message: Its words.
        trace: Where it was raised.
    """

    sealed: bytes = b""
    error: str | None = None
    message: str = ""
    trace: str = ""

    def result(self) -> bytes:
        """The sealed result.

        Raises:
            EmendoError: What the worker raised.
            PieceError: It raised something else.
        """
        if self.error is None:
            return self.sealed
        kind = getattr(errors, self.error, None)
        if isinstance(kind, type) and issubclass(kind, EmendoError):
            # The words are there already; `__init__` of some would make them anew.
            raise kind.__new__(kind, self.message)
        raise PieceError(f"A worker failed:\n{self.trace}")


class Worker:
    """Computes pieces of one work.

    Args:
        work: The job.
        context: The context, where there is one already; else it is prepared when the first piece comes.
    """

    def __init__(self, work: Work, context: Any = None) -> None:
        self.work = work
        self._context = context

    def compute(self, piece: Any) -> bytes:
        """The sealed result of a piece."""
        with torch_threads(self.work.threads):
            if self._context is None:
                self._context = named_function(self.work.prepare)(self.work.shared, self.work.where)
            return seal(named_function(self.work.compute)(self._context, piece))

    def answer(self, piece: Any) -> Outcome:
        """As `compute`, errors included."""
        try:
            return Outcome(sealed=self.compute(piece))
        except Exception as error:  # noqa: BLE001 - it is raised again where the pieces are wanted
            return Outcome(error=type(error).__name__, message=str(error), trace=traceback.format_exc())
