"""Attention keys and values of what was read before, by revision and token prefix.

A conversation begins as it did a turn ago, so only what is new is read. What one revision read never serves another: after an
edit the same prompt is read afresh.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

States = tuple[tuple[Tensor, Tensor], ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Kept:
    revision: str
    ids: tuple[int, ...]
    states: States

    @cached_property
    def bytes(self) -> int:
        return sum(states.numel() * states.element_size() for layer in self.states for states in layer)


class KeptPrefixes:
    """Keeps the latest prefixes of one model.

    Args:
        most_bytes: Of all that is kept together; what was not used for longest goes first.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._kept: list[_Kept] = []

    def find(self, revision: str, ids: Sequence[int]) -> tuple[int, States]:
        """How many of the first tokens were read at a revision, all but the last at most, and their keys and values."""
        best, found = 0, None
        for kept in self._kept:
            if kept.revision == revision:
                shared = _shared(kept.ids, ids)
                if shared > best:
                    best, found = shared, kept
        best = min(best, len(ids) - 1)
        if found is None or best == 0:
            return 0, ()
        self._kept.remove(found)
        self._kept.append(found)
        return best, tuple((keys[:, :, :best], values[:, :, :best]) for keys, values in found.states)

    def keep(self, revision: str, ids: Sequence[int], states: States) -> None:
        """Keep what was read; prefixes of it that were kept before go."""
        self._kept = [k for k in self._kept if k.revision != revision or _shared(k.ids, ids) < len(k.ids)]
        self._kept.append(_Kept(revision=revision, ids=tuple(ids), states=states))
        while sum(kept.bytes for kept in self._kept) > self.most_bytes:
            del self._kept[0]


def _shared(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two sequences begin with alike."""
    shortest = min(len(one), len(other))
    return next((at for at in range(shortest) if one[at] != other[at]), shortest)
