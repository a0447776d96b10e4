"""A ledger's entries in words, for the commands that print them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

if TYPE_CHECKING:
    from emendo.ledger import Entry, State


def what(entry: Entry) -> Text:
    """What an entry did: "The capital of {California} is → Sacramento"."""
    if entry.kind == "revert":
        return Text(f"takes back {', '.join(map(str, entry.reverts))}")
    first, more = entry.requests[0], len(entry.requests) - 1
    facts = f"{first.fact.marked} → {first.target_new}" + (f" and {more} more" if more else "")
    if entry.file is not None:
        facts = f"{entry.file}: {facts}"
    return Text(facts + (f", in place of {', '.join(map(str, entry.reverts))}" if entry.reverts else ""))


def standing(entry: Entry, newest: State) -> str:
    """Whether an entry's edit is in force now."""
    if entry.kind == "revert":
        return "revert"
    return "in force" if is_in_force(entry, newest) else "reverted"


def is_in_force(entry: Entry, newest: State) -> bool:
    """Whether an entry is an edit that no later entry took back."""
    return any(entry.number == other.number for other in newest.in_force)


def count_edits(number: int) -> str:
    """A number of edits in words."""
    return "1 edit" if number == 1 else f"{number} edits"


def as_json(entry: Entry, newest: State) -> dict[str, Any]:
    """An entry for machines."""
    return {**entry.describe(), "in_force": is_in_force(entry, newest)}
