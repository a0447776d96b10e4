"""An append-only file of JSON lines in which each line carries the SHA-256 of the one before.

    line n = canonical JSON with "previous" = SHA-256(line n − 1),      "previous" of line 1 = the ledger's own digest

A line is committed once its newline is on disk. What stands after the last newline is the torn rest of a write that a crash
interrupted: it is not read, and it is cut off before the next line is written. A change anywhere before the last line breaks
the chain.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emendo.errors import LedgerError
from emendo.ledger.durable import sync_folder


class Journal:
    """The lines of one file.

    Args:
        path: The file; it need not exist yet.
        root: What the first line calls the previous one.
    """

    def __init__(self, path: Path, root: str) -> None:
        self.path = path
        self.root = root

    def read(self) -> list[dict[str, Any]]:
        """The committed lines, without their "previous".

        Raises:
            LedgerError: A line is damaged, or is not the one that its successor follows.
        """
        previous, values = self.root, []
        for number, line in enumerate(self._lines(), start=1):
            try:
                value = json.loads(line)
                found = value.pop("previous")
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                raise LedgerError(f"Line {number} of '{self.path}' is damaged; restore the file from a copy.") from error
            if found != previous:
                raise LedgerError(
                    f"Line {number} of '{self.path}' does not follow from the line before it: the history was changed or "
                    "shortened in the middle. Restore the file from a copy."
                )
            previous = hashlib.sha256(line).hexdigest()
            values.append(value)
        return values

    def append(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """The value as it will be read, committed as one more line: on disk when this returns, and not at all if it raises.

        The caller holds the lock of the ledger.

        Raises:
            OSError: The line could not be written.
        """
        lines = self._lines()
        previous = hashlib.sha256(lines[-1]).hexdigest() if lines else self.root
        line = json.dumps(
            {**value, "previous": previous}, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
        committed = sum(len(line) + 1 for line in lines)
        if not self.path.exists():
            self.path.touch()
            sync_folder(self.path.parent)
        descriptor = os.open(self.path, os.O_RDWR)
        try:
            os.ftruncate(descriptor, committed)
            os.lseek(descriptor, committed, os.SEEK_SET)
            try:
                _write(descriptor, line.encode() + b"\n")
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, committed)
                raise
        finally:
            os.close(descriptor)
        written: dict[str, Any] = json.loads(line)
        del written["previous"]
        return written

    def _lines(self) -> list[bytes]:
        """The lines that end in a newline."""
        if not self.path.exists():
            return []
        return self.path.read_bytes().split(b"\n")[:-1]


def _write(descriptor: int, data: bytes) -> None:
    """Write all of the data; a full disk may take a part of it first."""
    while data:
        data = data[os.write(descriptor, data) :]
