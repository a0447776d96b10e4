"""The models that are served, each with its ledger, and the ids under which clients ask for them.

name                  the newest revision of the ledger
name:original         the model as it came
name:rev-<hash>       a revision of the ledger, by its twelve digits or four and more of the first
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from emendo.errors import UnknownName
from emendo.ledger import Ledger, State
from emendo.ledger.entry import replay
from emendo.models import ORIGINAL, EditableModel, Revision, title_of
from emendo.serve.problems import Problem

_MOST_REVISIONS = 16
NAMED = ("original", "current")


class Served:
    """A model with its ledger.

    Args:
        id: Under which clients ask for it.
        model: The model.
        ledger: Its history.

    Attributes:
        title: What people call it.
        bench: The same weights in modules of their own, for work that hooks into them.
    """

    def __init__(self, id: str, model: EditableModel, ledger: Ledger) -> None:
        self.id, self.model, self.ledger = id, model, ledger
        self.title = title_of(model)
        # Made before anything runs: what hooks into the model at the time would be copied with it.
        self.bench = model.sharing_weights()
        # The latest that were asked for, what was used last standing last.
        self._revisions: dict[str, Revision] = {}
        self._lock = threading.Lock()

    def states(self) -> list[State]:
        """What was in force at the beginning and after every entry."""
        return replay(self.ledger.entries())

    def state(self, name: str = "current") -> State:
        """What is in force at "original", "current", or a revision by its digits.

        Raises:
            Problem: The ledger has no such revision.
        """
        if name not in NAMED and not re.fullmatch(r"[0-9a-f]{4,12}", name):
            raise Problem(
                404, f"There is no revision '{name}' of {self.id}; 'original', 'current' or its digits were expected."
            )
        try:
            return self.ledger.at(None if name == "current" else name)
        except UnknownName as error:
            raise Problem(404, str(error), code="revision_not_found", param="revision") from error

    def revision(self, name: str = "current") -> Revision:
        """The revision of that name, the same object for the same id as long as it is in use.

        Raises:
            Problem: The ledger has no such revision.
        """
        state = self.state(name)
        if not state.in_force:
            return ORIGINAL
        with self._lock:
            found = self._revisions.pop(state.revision, None)
            if found is None:
                found = Revision(deltas=tuple(self.ledger.patch(entry).delta for entry in state.in_force))
            self._revisions[state.revision] = found
            if len(self._revisions) > _MOST_REVISIONS:
                del self._revisions[next(iter(self._revisions))]
        return found


class Shelf:
    """All models that are served."""

    def __init__(self, models: Sequence[tuple[EditableModel, Ledger]]) -> None:
        self._served: dict[str, Served] = {}
        for model, ledger in models:
            id = _public_id(model.name, self._served)
            self._served[id] = Served(id, model, ledger)

    def __iter__(self) -> Iterator[Served]:
        return iter(self._served.values())

    def get(self, id: str) -> Served:
        """The model of that id, which names no revision.

        Raises:
            Problem: There is none.
        """
        if id not in self._served:
            known = ", ".join(self._served)
            raise Problem(404, f"There is no model '{id}' here; known: {known}.", code="model_not_found", param="model")
        return self._served[id]

    def resolve(self, id: str) -> tuple[Served, Revision]:
        """Model and revision that an id names.

        Raises:
            Problem: There is no such model, or it has no such revision.
        """
        name, _, suffix = id.partition(":")
        served = self.get(name if suffix else id)
        if not suffix:
            return served, served.revision()
        is_hash = suffix.startswith("rev-")
        if suffix != "original" and not is_hash:
            raise Problem(
                404,
                f"'{id}' names no revision; write '{name}', '{name}:original' or '{name}:rev-' and its digits.",
                code="model_not_found",
                param="model",
            )
        try:
            return served, served.revision(suffix.removeprefix("rev-"))
        except Problem as problem:
            raise Problem(404, str(problem), code="model_not_found", param="model") from problem


def _public_id(name: str, taken: dict[str, Served]) -> str:
    """A model's name without folders, in characters that an address takes."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", PurePath(name).name.removesuffix(".gguf")).strip("-.") or "model"
    number = next(number for number in range(1, len(taken) + 2) if _numbered(plain, number) not in taken)
    return _numbered(plain, number)


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"
