"""Settings as they are given on the command line: ``--layer 6 --set steps=9``, of one method of several ``--set rome.steps=9``."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from emendo.errors import InvalidRequest, UnknownName


def chosen_methods(text: str, known: Sequence[str]) -> list[str]:
    """The methods that an option names, each once; "all" are those that are known.

    Raises:
        UnknownName: There is no method of a name; said before the first is measured, not hours later.
        InvalidRequest: It names none.
    """
    names = list(known) if text == "all" else list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in known:
            raise UnknownName("method", name, known)
    if not names:
        raise InvalidRequest("No method is named; write --methods hidden_unit,rome, or leave it out for the default.")
    return names


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


def meanings(config: type) -> dict[str, str]:
    """What each setting of a method's `Config` does, as the docstrings of the class and of those it extends say."""
    found: dict[str, str] = {}
    for ancestor in reversed(config.__mro__):
        _, _, listed = (inspect.cleandoc(ancestor.__doc__ or "")).partition("Attributes:\n")
        for name, text in re.findall(r"^    (\w+): (.*(?:\n     +.*)*)", listed, re.MULTILINE):
            found[name] = " ".join(text.split())
    return found


def settings_of(method: str, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of one of several methods: those for all, and those that name it."""
    own = {name.removeprefix(f"{method}."): value for name, value in chosen.items() if name.startswith(f"{method}.")}
    return {name: value for name, value in chosen.items() if "." not in name} | own


def check_methods(chosen: Mapping[str, Any], methods: Sequence[str]) -> None:
    """Nothing, where every method that a setting names is among these.

    Raises:
        InvalidRequest: One is not.
    """
    for name in chosen:
        method, dot, _ = name.partition(".")
        if dot and method not in methods:
            raise InvalidRequest(f"'{name}' sets something of '{method}', which is not measured; name it in --methods too.")


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
