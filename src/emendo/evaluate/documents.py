"""Documents on disk: a file is there whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from emendo.errors import InvalidRequest


def as_json(value: Any) -> str:
    """A value as the text of a JSON file."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def write_whole(path: Path, text: str) -> None:
    """Write a file beside its place, then put it there; folders that lack are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".incomplete-{os.getpid()}-{path.name}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def writable(path: Path) -> Path:
    """The path, if a file can be written there: asked before hours of work, not after them.

    Raises:
        InvalidRequest: It is a folder, or something above it is a file or closed to us.
    """
    if path.is_dir():
        raise InvalidRequest(f"'{path}' is a folder; give the name of a file.")
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise InvalidRequest(f"Nothing can be written into '{above}'; give a file in a folder that is yours.")
    return path
