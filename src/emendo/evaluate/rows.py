"""Read the JSON lists of rows that benchmarks are published as, and say plainly what is wrong with one that is not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from emendo.errors import InvalidRequest
from emendo.evaluate.cases import Case

T = TypeVar("T")


def read_rows(path: Path, benchmark: str, read: Callable[[dict[str, Any], int], Case | None]) -> Iterator[Case]:
    """The cases that rows make, in their order; see `checked_rows`. A row of which `read` makes None is left out."""
    return (case for case in checked_rows(path, benchmark, read) if case is not None)


def checked_rows(path: Path, benchmark: str, read: Callable[[dict[str, Any], int], T]) -> Iterator[T]:
    """What each row makes, in their order.

    Args:
        path: A JSON list of objects.
        benchmark: What the data set is called.
        read: Makes something of a row and its number, counted from 1.

    Raises:
        InvalidRequest: It is not such a list, or a row lacks something.
    """
    for number, row in enumerate(_rows(path, benchmark), start=1):
        try:
            yield read(row, number)
        except InvalidRequest as error:
            raise InvalidRequest(f"'{path.name}', row {number}: {error}") from error
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidRequest(
                f"'{path.name}', row {number}: the field {error} of {benchmark} is missing or of another kind; mend the row."
            ) from error


def _rows(path: Path, benchmark: str) -> list[dict[str, Any]]:
    if path.is_dir():
        raise InvalidRequest(f"'{path.name}' is a folder; {benchmark} is one file, a JSON list of cases.")
    try:
        rows: Any = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"'{path.name}' is not JSON; {benchmark} is a JSON list of cases.") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InvalidRequest(f"'{path.name}' does not hold a JSON list of cases, as {benchmark} does.")
    return rows
