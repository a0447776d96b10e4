"""Compute an edit at the newest revision and record it: what `emendo edit`, the chat's `/edit` and the demo do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emendo.cli.session import Session
    from emendo.edit import Edit
    from emendo.facts import EditRequest
    from emendo.ledger import Entry


@dataclass(frozen=True, kw_only=True)
class Committed:
    """An edit, and the ledger's entry of it.

    Attributes:
        edit: What was computed.
        entry: What was recorded.
        session: The session at the revision that is now in force.
    """

    edit: Edit
    entry: Entry
    session: Session


def edit_and_commit(
    session: Session,
    request: EditRequest,
    *,
    who: str,
    why: str = "",
    method: str = "rome",
    config: Any = None,
    corpus: str = "python",
    seed: int = 0,
    progress: Callable[[str, int, int], None] | None = None,
) -> Committed:
    """An edit on top of what is in force, computed, checked by the guard and recorded; nothing is written if it is refused.

    Raises:
        EditRefused: The edit would do harm.
    """
    from dataclasses import replace

    from emendo.edit import compute_edit
    from emendo.ledger import Patch, Provenance

    edit = compute_edit(
        session.model,
        request,
        method=method,
        config=config,
        revision=session.revision,
        corpus=corpus,
        seed=seed,
        progress=progress,
    )
    provenance = Provenance(**edit.account(), who=who, why=why)
    patch = Patch.make(session.model, edit.delta, edit.requests, provenance, parent=session.revision)
    entry = session.ledger.commit(patch)
    return Committed(edit=edit, entry=entry, session=replace(session, revision=session.ledger.revision()))
