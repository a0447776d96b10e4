"""The history of the edits of one model: append-only, whole after any crash.

    DIR/model.json          which model the history belongs to
    DIR/ledger.jsonl        one entry a line, chained (see `journal`)
    DIR/patches/<id>/       one patch a folder (see `patch`)
    DIR/lock                held while something is written

A commit writes the patch under a temporary name, brings it to disk, renames it, and then appends the entry. Whatever kills
the process leaves the entries that were there with their patches. A patch without an entry was never committed: it is passed
over, `Ledger.uncommitted` lists it, and committing it again writes it anew. Reading needs no lock.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from emendo.errors import CorruptPatch, InvalidRequest, LedgerError, PatchMismatch, UnknownName
from emendo.home import default_home
from emendo.ledger.adapter_files import CONFIG, TENSORS
from emendo.ledger.durable import TEMPORARY, replace_file
from emendo.ledger.entry import Entry, State, replay, revision_of, without
from emendo.ledger.journal import Journal
from emendo.ledger.patch import EDITS, Patch, pretty_json
from emendo.ledger.provenance import now
from emendo.models import EditableModel, Revision
from emendo.models.embedded import file_digest

_WAIT_SECONDS = 120
_SHORTEST_PREFIX = 4
_MOST_LISTED = 8


class Ledger:
    """The history of one model.

    Args:
        folder: Where it lies; it need not exist before the first commit.
        digest: `EditableModel.digest` of the model that it belongs to.
        name: What that model is called.

    Raises:
        PatchMismatch: The folder holds the history of another model.
        LedgerError: The folder holds something else than a history.
    """

    def __init__(self, folder: Path, *, digest: str, name: str) -> None:
        owner = _owner(folder)
        if owner is not None and owner[0] != digest:
            raise PatchMismatch(
                f"The ledger '{folder}' belongs to '{owner[1]}' (digest {owner[0][:12]}…), and '{name}' has the digest "
                f"{digest[:12]}…; choose that model with --model, or another folder with --ledger."
            )
        self.folder = folder
        self.digest = digest
        self.name = name
        self._journal = Journal(folder / "ledger.jsonl", root=digest)

    @classmethod
    def open(cls, model: EditableModel, folder: Path | None = None, home: Path | None = None) -> Ledger:
        """The ledger of a model: in `folder`, or in the data folder under the model's digest.

        Raises:
            PatchMismatch: The folder holds the history of another model.
        """
        return cls.of_digest(model.digest, model.name, folder, home)

    @classmethod
    def of_digest(cls, digest: str, name: str, folder: Path | None = None, home: Path | None = None) -> Ledger:
        """As `open`, for a model that is not loaded but whose digest is known."""
        folder = folder or (home or default_home()) / "ledgers" / digest[:16]
        return cls(folder, digest=digest, name=name)

    @classmethod
    def existing(cls, folder: Path) -> Ledger | None:
        """The ledger in a folder, for whatever model it is; None where there is none yet."""
        owner = _owner(folder)
        return None if owner is None else cls(folder, digest=owner[0], name=owner[1])

    def entries(self) -> list[Entry]:
        """All entries, oldest first.

        Raises:
            LedgerError: The history is damaged.
        """
        return [Entry.read(row) for row in self._journal.read()]

    def entry(self, number: int) -> Entry:
        """The entry of that number.

        Raises:
            InvalidRequest: There is none.
        """
        entries = self.entries()
        if not 1 <= number <= len(entries):
            raise InvalidRequest(f"There is no entry {number}; the ledger of {self.name} has {_count(entries)}.")
        return entries[number - 1]

    def at(self, where: str | int | None = None) -> State:
        """What is in force at a point of the history.

        Args:
            where: An entry's number, a revision id or four and more of its first digits, "original", or None for now.

        Raises:
            UnknownName: The history has no such point.
        """
        states = replay(self.entries())
        if where is None:
            return states[-1]
        text = str(where)
        if text.isdecimal() and 1 <= int(text) < len(states):
            return states[int(text)]
        found = {state.revision: state for state in states if state.revision == text or _is_prefix(text, state.revision)}
        if len(found) > 1:
            raise InvalidRequest(f"'{text}' begins {len(found)} revisions: {', '.join(found)}; write one more digit.")
        if not found:
            newest = [state.revision for state in states[-_MOST_LISTED:]]
            numbers = [f"1 to {len(states) - 1} (entries)"] if len(states) > 1 else []
            raise UnknownName("revision", text, {"original", *newest, *numbers})
        return next(iter(found.values()))

    def revision(self, at: str | int | None = None) -> Revision:
        """The deltas in force at a point of the history (see `at`)."""
        return Revision(deltas=tuple(patch.delta for patch in self.patches(at)))

    def patches(self, at: str | int | None = None) -> list[Patch]:
        """The patches in force at a point of the history (see `at`)."""
        return [self.patch(entry) for entry in self.at(at).in_force]

    def patch(self, entry: Entry) -> Patch:
        """The patch of an edit, its files checked against the digests that the entry states.

        Raises:
            CorruptPatch: Its files are damaged or were changed.
        """
        if entry.patch is None:
            raise InvalidRequest(f"Entry {entry.number} is a revert and has no patch; name an edit.")
        folder = self.patch_folder(entry.patch)
        patch = Patch.read(folder)
        if patch.delta.digest != entry.digests["delta"] or _file_digests(folder).items() - entry.digests.items():
            raise CorruptPatch(
                f"The files in '{folder}' are not those that entry {entry.number} recorded; restore the folder."
            )
        return patch

    def patch_folder(self, patch: str) -> Path:
        """Where the patch of that id lies."""
        return self.folder / "patches" / patch

    def uncommitted(self) -> list[Path]:
        """Patch folders that no entry names: their commit was interrupted. They have no effect."""
        committed = {entry.patch for entry in self.entries()}
        return sorted(path for path in (self.folder / "patches").glob("*") if path.name not in committed)

    def commit(self, patch: Patch, replaces: Sequence[int] = ()) -> Entry:
        """Record a patch and put it in force.

        Args:
            patch: What was computed.
            replaces: Numbers of edits that are taken back in the same entry.

        Raises:
            PatchMismatch: The patch was made for another model.
            InvalidRequest: It is in force already, or an edit that it replaces is not.
            LedgerError: The ledger cannot be written; it is as it was.
        """
        if patch.base.digest != self.digest:
            raise PatchMismatch(
                f"The patch {patch.id} was made for '{patch.base.name}' (digest {patch.base.digest[:12]}…), and the ledger "
                f"'{self.folder}' belongs to '{self.name}' (digest {self.digest[:12]}…); make the edit again for that model."
            )
        with self._writing():
            entries = self.entries()
            in_force = replay(entries)[-1].in_force
            twin = next((entry for entry in in_force if entry.patch == patch.id), None)
            if twin is not None:
                raise InvalidRequest(f"This very edit is in force already, as entry {twin.number}; there is nothing to do.")
            for number in replaces:
                self._check_revertible(number, entries, in_force)
            folder = self.patch_folder(patch.id)
            self._prepare(folder, entries)
            if not folder.exists():
                patch.write(folder)
            digests = {"delta": patch.delta.digest, **_file_digests(folder)}
            draft = Entry.of_edit(patch, len(entries) + 1, "", digests, tuple(replaces))
            return self._append(draft, (*without(in_force, replaces), draft))

    def revert(self, numbers: Sequence[int], who: str, why: str, when: str | None = None) -> Entry:
        """Take edits back: one more entry, after which the model is as if they had not been made.

        Raises:
            InvalidRequest: A number names no edit that is in force.
            LedgerError: The ledger cannot be written; it is as it was.
        """
        with self._writing():
            entries = self.entries()
            in_force = replay(entries)[-1].in_force
            for number in numbers:
                self._check_revertible(number, entries, in_force)
            return self._append_revert(entries, in_force, tuple(dict.fromkeys(numbers)), who, why, when)

    def revert_all(self, who: str, why: str, when: str | None = None) -> Entry:
        """Take back every edit in force.

        Raises:
            InvalidRequest: There is none.
            LedgerError: The ledger cannot be written; it is as it was.
        """
        with self._writing():
            entries = self.entries()
            in_force = replay(entries)[-1].in_force
            if not in_force:
                raise InvalidRequest(f"No edit of {self.name} is in force, so there is nothing to take back.")
            return self._append_revert(entries, in_force, tuple(entry.number for entry in in_force), who, why, when)

    def _check_revertible(self, number: int, entries: Sequence[Entry], in_force: Sequence[Entry]) -> None:
        if not 1 <= number <= len(entries):
            raise InvalidRequest(
                f"There is no entry {number} to take back; the ledger of {self.name} has {_count(entries)}."
            )
        if entries[number - 1].kind == "revert":
            raise InvalidRequest(
                f"Entry {number} is itself a revert, which is not taken back; make the edit again, "
                f"or use the model as it was with --at {number - 1 or 'original'}."
            )
        if not any(entry.number == number for entry in in_force):
            by = next(entry.number for entry in entries if number in entry.reverts)
            raise InvalidRequest(f"Entry {number} was taken back by entry {by} already; there is nothing to do.")

    def _append_revert(
        self,
        entries: Sequence[Entry],
        in_force: Sequence[Entry],
        numbers: tuple[int, ...],
        who: str,
        why: str,
        when: str | None,
    ) -> Entry:
        draft = Entry(
            number=len(entries) + 1, kind="revert", when=when or now(), who=who, why=why, revision="", reverts=numbers
        )
        return self._append(draft, without(in_force, numbers))

    def _append(self, draft: Entry, in_force: Sequence[Entry]) -> Entry:
        return Entry.read(self._journal.append({**draft.describe(), "revision": revision_of(in_force)}))

    def _prepare(self, folder: Path, entries: Sequence[Entry]) -> None:
        """Remove what killed writers left behind, and an uncommitted patch that stands where a new one goes."""
        for rest in folder.parent.glob(f"{TEMPORARY}*"):
            shutil.rmtree(rest)
        if folder.exists() and all(entry.patch != folder.name for entry in entries):
            shutil.rmtree(folder)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the ledger's lock; nobody else writes while the context lasts."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / "lock", timeout=_WAIT_SECONDS):
                if _owner(self.folder) is None:
                    replace_file(self.folder / "model.json", pretty_json({"digest": self.digest, "name": self.name}))
                yield
        except Timeout as error:
            raise LedgerError(
                f"Another process has been writing to the ledger '{self.folder}' for {_WAIT_SECONDS} seconds; "
                "try again when it is done."
            ) from error
        except OSError as error:
            raise LedgerError(
                f"The ledger '{self.folder}' could not be written ({error.strerror or error}); nothing was recorded and the "
                "history is as it was. Make room or give another folder with --ledger, and try again."
            ) from error


def _owner(folder: Path) -> tuple[str, str] | None:
    """Digest and name of the model that a folder's history belongs to."""
    path = folder / "model.json"
    if not path.exists():
        if folder.exists() and (not folder.is_dir() or any(p.name not in _OWN_NAMES for p in folder.iterdir())):
            raise LedgerError(f"'{folder}' holds other files than a ledger's; give an empty or new folder with --ledger.")
        return None
    try:
        value = json.loads(path.read_bytes())
        return str(value["digest"]), str(value["name"])
    except (ValueError, KeyError, TypeError) as error:
        raise LedgerError(f"'{path}' does not say which model the ledger belongs to; restore it from a copy.") from error


_OWN_NAMES = ("lock", ".incomplete-model.json")


def _file_digests(folder: Path) -> dict[str, str]:
    return {name: file_digest(folder / name) for name in (CONFIG, TENSORS, EDITS)}


def _is_prefix(text: str, revision: str) -> bool:
    return len(text) >= _SHORTEST_PREFIX and revision.startswith(text.lower()) and revision != "original"


def _count(entries: Sequence[Entry]) -> str:
    return "no entries yet" if not entries else "1 entry" if len(entries) == 1 else f"entries 1 to {len(entries)}"
