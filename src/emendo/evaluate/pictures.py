"""Pictures on disk: of a kind that is known before hours of work, and there whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from emendo.errors import InvalidRequest
from emendo.evaluate.documents import writable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SUFFIXES = (".png", ".svg", ".pdf")


def drawable(path: Path) -> Path:
    """The path, if a picture can be written there.

    Raises:
        InvalidRequest: No file can be written there (`writable`), or its name ends like no picture's.
    """
    if writable(path).suffix not in _SUFFIXES:
        raise InvalidRequest(f"'{path.name}' is the name of no picture; give one that ends in {', '.join(_SUFFIXES)}.")
    return path


def save_picture(figure: Figure, path: Path) -> None:
    """Draw a figure beside its place, then put it there; folders that lack are made, and the name says the kind of file.

    Raises:
        InvalidRequest: As for `drawable`.
    """
    drawable(path).parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".incomplete-{path.name}")
    try:
        figure.savefig(temporary, dpi=150)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
