"""A checkpoint as named tensors that are read one at a time, and never run; its kinds of files, a module each.

The names are those of the Hugging Face folder. A tensor is read only when it is asked for, through a buffer of its own: mapped
pages would count as memory.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class Checkpoint(Protocol):
    """Named tensors in files.

    Attributes:
        name: What the user called it.
        path: The folder or file that it lies in.
    """

    name: str
    path: Path

    def names(self) -> list[str]:
        """The names of all tensors, sorted."""

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor."""

    def bytes(self, name: str) -> int:
        """Size of a tensor as it is stored."""

    def tensor(self, name: str) -> Tensor:
        """A tensor, in the type in which it is stored; what is quantised comes in float32."""

    def digest(self, name: str) -> str:
        """`emendo.models.editable.tensor_digest` of a tensor."""

    def recipe(self, name: str) -> str:
        """The type in which a tensor is stored, "bfloat16" or "Q4_0", by which its rounding can be repeated."""
