"""Results of pieces, in order, of which only those are computed that are not kept.

Each result is one file, named by the address of its piece, and on disk as soon as it is there: a run that was killed, or lost a
worker, has lost nothing that was finished, and goes on when it is started again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from emendo.pieces.crew import EXECUTORS, Crew
from emendo.pieces.sealed import Damaged, is_whole, read_sealed, unseal, write_sealed
from emendo.pieces.work import Work


def run_pieces(
    work: Work,
    pieces: Sequence[Any],
    folder: Path | None,
    crew: Crew,
    *,
    context: Any = None,
    progress: Callable[[int, int], None] | None = None,
) -> Generator[Any, None, None]:
    """The results of the pieces, in their order.

    Args:
        work: The job.
        pieces: What JSON holds, each.
        folder: Where results are kept; nothing is kept unless given.
        crew: Who computes.
        context: What `work.prepare` would make, where it is here already; for executors that compute here.
        progress: Called with how many results there are, and of how many.

    Raises:
        PieceFailed: A piece ended its worker every time.
    """
    executor = EXECUTORS.get(crew.executor)
    paths = [None if folder is None else folder / work.address(piece) for piece in pieces]
    kept = {at for at, path in enumerate(paths) if path is not None and is_whole(path)}
    missing = [at for at in range(len(pieces)) if at not in kept]
    ahead: dict[int, bytes] = {}
    given = 0

    def report() -> None:
        if progress is not None:
            progress(len(kept) + given, len(pieces))

    report()
    with closing(executor.run(work, [pieces[at] for at in missing], workers=crew.workers, context=context)) as computed:
        for at, piece in enumerate(pieces):
            while at not in kept and at not in ahead:
                number, sealed = next(computed)
                path = paths[missing[number]]
                if path is not None:
                    write_sealed(path, sealed)
                ahead[missing[number]] = sealed
                given += 1
                report()
            path = paths[at]
            if path is None or at in ahead:
                yield unseal(ahead.pop(at))
                continue
            try:
                result = read_sealed(path)
            except Damaged:
                # Another run has taken the file away since.
                (result,) = run_pieces(work, [piece], None, crew, context=context)
            yield result


def forget_pieces(work: Work, pieces: Sequence[Any], folder: Path) -> None:
    """Delete the results of pieces that nobody needs any more, and the folder if it is empty then."""
    for piece in pieces:
        (folder / work.address(piece)).unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
