"""Entries of a history, and what is in force after each of them.

Nothing is ever taken out of a history: a revert is an entry of its own, that names the edits it takes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from emendo.errors import LedgerError
from emendo.facts import EditRequest
from emendo.ledger.patch import Patch, describe_request, finite, read_request
from emendo.models.revision import revision_id


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the history.

    Attributes:
        number: Counts from 1.
        kind: "edit" puts a patch in force, and may take the place of edits before it; "revert" takes edits back.
        when: ISO 8601 in UTC.
        who: The person or program.
        why: The reason given.
        revision: Id of the revision in force after this entry.
        patch: Id of the patch; None for a revert.
        reverts: Numbers of the edits that are taken back; for an edit those whose place it takes.
        requests: What was asked for; empty for a revert, as are the attributes below.
        method: Name of the editing method.
        config: Its configuration.
        seed: Seed of everything random.
        layers: Layers that were changed.
        figures: What was measured while editing.
        digests: SHA-256 of "delta" and of the patch's files, by name.
        file: Name of the facts file that the requests come from, if they come from one.
    """

    number: int
    kind: Literal["edit", "revert"]
    when: str
    who: str
    why: str
    revision: str
    patch: str | None = None
    reverts: tuple[int, ...] = ()
    requests: tuple[EditRequest, ...] = ()
    method: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    layers: tuple[int, ...] = ()
    figures: Mapping[str, float | int | None] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    file: str | None = None

    @classmethod
    def of_edit(
        cls, patch: Patch, number: int, revision: str, digests: Mapping[str, str], reverts: tuple[int, ...] = ()
    ) -> Entry:
        """The entry that puts a patch in force, in the place of the edits of some numbers."""
        made = patch.provenance
        return cls(
            number=number,
            kind="edit",
            when=made.when,
            who=made.who,
            why=made.why,
            revision=revision,
            patch=patch.id,
            reverts=reverts,
            requests=patch.requests,
            method=made.method,
            config=made.config,
            seed=made.seed,
            layers=made.layers,
            figures=finite(made.figures),
            digests=digests,
            file=made.file,
        )

    def describe(self) -> dict[str, Any]:
        """The entry as JSON values."""
        shared = {
            "number": self.number,
            "kind": self.kind,
            "when": self.when,
            "who": self.who,
            "why": self.why,
            "revision": self.revision,
        }
        if self.kind == "revert":
            return {**shared, "reverts": list(self.reverts)}
        return {
            **shared,
            "patch": self.patch,
            "requests": [describe_request(request) for request in self.requests],
            "method": self.method,
            "config": dict(self.config),
            "seed": self.seed,
            "layers": list(self.layers),
            "figures": dict(self.figures),
            "digests": dict(self.digests),
            "reverts": list(self.reverts),
            "file": self.file,
        }

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Entry:
        """The inverse of `describe`; fields of a later version are passed over.

        Raises:
            LedgerError: A field is missing or wrong.
        """
        try:
            shared = {name: row[name] for name in ("number", "kind", "when", "who", "why", "revision")}
            if row["kind"] == "revert":
                return cls(**shared, reverts=tuple(row["reverts"]))
            if row["kind"] != "edit":
                raise LedgerError(
                    f"Entry {row['number']} is of the unknown kind '{row['kind']}'; read it with a newer Emendo."
                )
            return cls(
                **shared,
                patch=row["patch"],
                reverts=tuple(row.get("reverts", ())),
                requests=tuple(read_request(request) for request in row["requests"]),
                method=row["method"],
                config=row["config"],
                seed=row["seed"],
                layers=tuple(row["layers"]),
                figures=row["figures"],
                digests=row["digests"],
                file=row.get("file"),
            )
        except (KeyError, TypeError) as error:
            raise LedgerError(
                f"An entry of the ledger lacks a field ({error}); restore ledger.jsonl from a copy."
            ) from error


@dataclass(frozen=True, kw_only=True)
class State:
    """What is in force after an entry.

    Attributes:
        number: The entry; 0 before the first.
        revision: Id of the revision.
        in_force: The edits, in the order in which they apply.
    """

    number: int
    revision: str
    in_force: tuple[Entry, ...]


def replay(entries: Iterable[Entry]) -> list[State]:
    """The state before the first entry and after each of them: edits so far, without those that were taken back.

    Raises:
        LedgerError: The entries do not fit together.
    """
    states = [State(number=0, revision=revision_id([]), in_force=())]
    for entry in entries:
        before = states[-1]
        in_force = without(before.in_force, entry.reverts) + ((entry,) if entry.kind == "edit" else ())
        state = State(number=before.number + 1, revision=revision_of(in_force), in_force=in_force)
        if entry.number != state.number or entry.revision != state.revision:
            raise LedgerError(
                f"Entry {state.number} says that it is entry {entry.number} and leads to revision {entry.revision}, "
                f"but replaying the history leads to {state.revision}; restore ledger.jsonl from a copy."
            )
        states.append(state)
    return states


def without(in_force: Iterable[Entry], numbers: Iterable[int]) -> tuple[Entry, ...]:
    """The edits that stay when those of some numbers are taken back."""
    gone = set(numbers)
    return tuple(entry for entry in in_force if entry.number not in gone)


def revision_of(in_force: Iterable[Entry]) -> str:
    """Id of the revision that has these edits in force."""
    return revision_id([entry.digests["delta"] for entry in in_force])
