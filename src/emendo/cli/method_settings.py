"""Settings of a method as they are given on the command line: ``--layer 6 --layer 9 --set formats=completion,chat``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from emendo.errors import InvalidRequest


def chosen_settings(layers: Sequence[int] | None, settings: Sequence[str] | None) -> dict[str, Any]:
    """What the user wants otherwise than measured, by name.

    Raises:
        InvalidRequest: A setting is not of the form NAME=VALUE.
    """
    chosen: dict[str, Any] = {"layers": tuple(layers)} if layers else {}
    for setting in settings or ():
        name, mark, value = setting.partition("=")
        if not mark or not name:
            raise InvalidRequest(f"'{setting}' is not a setting; write NAME=VALUE, such as 'steps=40'.")
        chosen[name] = _value(value)
    return chosen


def layer_choice(text: str) -> tuple[int, ...]:
    """The layers that a text names: "6", "6,9" or "4-8".

    Raises:
        InvalidRequest: It names none.
    """
    first, dash, last = text.partition("-")
    try:
        return tuple(range(int(first), int(last) + 1)) if dash else tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise InvalidRequest(f"'{text}' names no layers; write 6, or 6,9, or 4-8.") from error


def _value(text: str) -> Any:
    """A number, a truth value or null as JSON writes them; a list where there are commas; else the words as they are."""
    if "," in text and not text.startswith("["):
        return tuple(_value(part) for part in text.split(",") if part)
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return text
    return tuple(value) if isinstance(value, list) else value
