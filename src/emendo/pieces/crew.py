"""Who computes pieces: which executor, how many workers, with how many threads each."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from emendo.errors import InvalidRequest
from emendo.registry import Registry

EXECUTORS = Registry("emendo.pieces.executors", "executor")


@dataclass(frozen=True, kw_only=True)
class Crew:
    """Who computes pieces.

    Attributes:
        executor: Name of an executor.
        workers: How many pieces are computed at a time.
        threads: Of torch, in each worker.
    """

    executor: str
    workers: int
    threads: int

    @classmethod
    def of(cls, executor: str | None = None, workers: int = 1, threads: int | None = None) -> Crew:
        """The crew that a user asked for.

        Args:
            executor: Name of an executor; "inline" for one worker and "processes" for several unless given.
            workers: How many.
            threads: Of each; torch's share among the workers unless given.

        Raises:
            UnknownName: There is no such executor.
            InvalidRequest: It cannot have so many workers.
        """
        if workers < 1:
            raise InvalidRequest(f"{workers} workers were asked for; give at least one.")
        executor = executor or ("inline" if workers == 1 else "processes")
        if EXECUTORS.get(executor).IS_HERE and workers > 1:
            raise InvalidRequest(f"The executor '{executor}' is this process, one worker, and {workers} were asked for.")
        return cls(executor=executor, workers=workers, threads=threads or max(1, torch.get_num_threads() // workers))

    @property
    def is_here(self) -> bool:
        """Whether pieces are computed in this process, with what is loaded here."""
        return bool(EXECUTORS.get(self.executor).IS_HERE)
