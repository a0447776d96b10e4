"""Files that are there whole or not at all, whatever kills the process that writes them.

A folder is filled under a temporary name on the same file system, brought to disk (fsync), and renamed: a rename is atomic.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TEMPORARY = ".incomplete-"


def write_file(path: Path, data: bytes) -> None:
    """Write a file and bring it to disk."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, data: bytes) -> None:
    """Write a file beside its place, then move it there."""
    beside = path.with_name(TEMPORARY + path.name)
    write_file(beside, data)
    os.replace(beside, path)
    sync_folder(path.parent)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder that takes the name `folder` once the context ends well, and vanishes if it does not."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=folder.parent))
    try:
        yield temporary
        mask = _umask()
        for path in (temporary, *temporary.rglob("*")):
            # mkdtemp and safetensors leave to the owner alone what any other file would not be.
            path.chmod((0o777 if path.is_dir() else 0o666) & ~mask)
            sync_folder(path) if path.is_dir() else _sync(path)
        if folder.is_dir():
            folder.rmdir()
        temporary.rename(folder)
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sync_folder(folder: Path) -> None:
    """Bring a folder's list of names to disk; Windows has no such call and needs none."""
    if os.name == "posix":
        _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
