"""Which piece is computed next, and what happens to one whose worker died."""

from __future__ import annotations

from collections import Counter, deque

from emendo.errors import PieceFailed

MOST_TRIES = 3


class Turns:
    """The pieces that wait for a worker, in order.

    Args:
        count: How many there are.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._waiting = deque(range(count))
        self._deaths: Counter[int] = Counter()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def take(self) -> int:
        """The number of the next piece."""
        return self._waiting.popleft()

    def bury(self, piece: int, how: str) -> None:
        """Let a piece whose worker died be the next one.

        Args:
            piece: Its number.
            how: The worker's end, in words such as "exit code -9".

        Raises:
            PieceFailed: It has cost too many workers.
        """
        self._deaths[piece] += 1
        if self._deaths[piece] == MOST_TRIES:
            raise PieceFailed(
                f"Piece {piece + 1} of the {self.count} that were to be computed ended its worker {MOST_TRIES} times ({how}), as "
                "it does when memory runs out; try fewer --workers. What was finished is kept."
            )
        self._waiting.appendleft(piece)
