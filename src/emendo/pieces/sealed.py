"""Results as bytes that tell whether they are whole.

    emendo-piece/1 json <SHA-256 of what follows>\n…

What a crash cut short, or a disk damaged, is taken for missing and computed again.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

_FORMAT = "emendo-piece/1"
_HEADER_BYTES = 128


class Damaged(Exception):
    """Bytes are not those that were sealed."""


def seal(result: Any) -> bytes:
    """A result, something that JSON holds or bytes, with its digest in front."""
    is_bytes = isinstance(result, bytes)
    body = result if is_bytes else json.dumps(result, ensure_ascii=False).encode()
    kind = "bytes" if is_bytes else "json"
    return f"{_FORMAT} {kind} {hashlib.sha256(body).hexdigest()}\n".encode() + body


def unseal(sealed: bytes) -> Any:
    """The result that `seal` was given, tuples as lists.

    Raises:
        Damaged: The bytes are others.
    """
    header, line, _ = sealed[:_HEADER_BYTES].partition(b"\n")
    words = header.split(b" ")
    body = memoryview(sealed)[len(header) + 1 :]
    if not line or len(words) != 3 or words[0] != _FORMAT.encode():
        raise Damaged
    if hashlib.sha256(body).hexdigest().encode() != words[2]:
        raise Damaged
    return bytes(body) if words[1] == b"bytes" else json.loads(bytes(body))


def write_sealed(path: Path, sealed: bytes) -> None:
    """Write a file that is there whole or not at all, however many processes write it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # No fsync: what a power failure leaves behind is found damaged, and computed again.
    descriptor, beside = tempfile.mkstemp(prefix=".incomplete-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(sealed)
        os.replace(beside, path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def read_sealed(path: Path) -> Any:
    """The result in a file.

    Raises:
        Damaged: It is not there, or not whole.
    """
    try:
        return unseal(path.read_bytes())
    except OSError as error:
        raise Damaged from error


def is_whole(path: Path) -> bool:
    """Whether a file holds a result."""
    try:
        read_sealed(path)
    except Damaged:
        return False
    return True
