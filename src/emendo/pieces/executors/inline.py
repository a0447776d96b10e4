"""This process, one piece after another, with what is loaded already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from emendo.pieces.work import Work
from emendo.pieces.worker import Worker

IS_HERE = True


def run(work: Work, pieces: Sequence[Any], *, workers: int, context: Any) -> Iterator[tuple[int, bytes]]:
    """The number of each piece and its sealed result."""
    worker = Worker(work, context)
    for number, piece in enumerate(pieces):
        yield number, worker.compute(piece)
