"""A job whose pieces are numbers, and which leaves a mark for each piece that it computes."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from emendo.errors import UnknownName
from emendo.pieces import Work


def squares(marks: Path, *, offset: int = 0, threads: int = 1) -> Work:
    """x² + offset of each piece; "kill" ends the worker once, "always" every time, and other words are mistakes."""
    marks.mkdir(exist_ok=True)
    return Work(
        prepare="arithmetic:prepare",
        compute="arithmetic:compute",
        shared={"offset": offset},
        where={"marks": str(marks)},
        threads=threads,
    )


def prepare(shared: Mapping[str, Any], where: Mapping[str, Any]) -> tuple[int, Path]:
    """The offset and the folder of marks."""
    return shared["offset"], Path(where["marks"])


def compute(context: tuple[int, Path], piece: Any) -> Any:
    """The result of one piece."""
    offset, marks = context
    number, word = piece if isinstance(piece, list) else (piece, "")
    mark = marks / f"{number}-{len(list(marks.glob(f'{number}-*')))}"
    is_first = not list(marks.glob(f"{number}-*"))
    mark.write_text(str(os.getpid()))
    if word == "always" or (word == "kill" and is_first):
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "unknown":
        raise UnknownName("number", "sevn", ["seven"])
    if word == "bug":
        raise ZeroDivisionError
    if word == "bytes":
        return b"\x00\xff" * number
    return {"square": number**2 + offset, "threads": torch.get_num_threads()}


def computed(marks: Path) -> list[str]:
    """Which pieces were computed, and how often: the names of the marks."""
    return sorted(path.name for path in marks.iterdir())
