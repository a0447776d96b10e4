"""Compute edits at the newest revision and record them: what `emendo edit`, `emendo apply`, the chat's `/edit` and the demo do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from emendo.cli.options import DEFAULT_METHOD

if TYPE_CHECKING:
    from emendo.cli.facts_file import Plan
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


def costs(figures: Mapping[str, float]) -> str:
    """What an edit costs elsewhere, in a line."""
    return f"‖Δ‖/‖W‖ {figures['relative_norm']:.3f}, perplexity elsewhere × {figures['perplexity_ratio']:.3f}"


def edit_and_commit(
    session: Session,
    *requests: EditRequest,
    who: str,
    why: str = "",
    method: str = DEFAULT_METHOD,
    config: Any = None,
    corpus: str = "python",
    seed: int = 0,
    progress: Callable[[str, int, int], None] | None = None,
) -> Committed:
    """An edit on top of what is in force, computed, checked by the guard and recorded; nothing is written if it is refused.

    Raises:
        EditRefused: The edit would do harm.
    """
    from emendo.edit import compute_edit

    edit = compute_edit(
        session.model,
        *requests,
        method=method,
        config=config,
        revision=session.revision,
        earlier=_requests(session.ledger.at().in_force),
        corpus=corpus,
        seed=seed,
        progress=progress,
    )
    return _commit(session, edit, who=who, why=why)


def apply_and_commit(
    session: Session,
    plan: Plan,
    *,
    file: str,
    who: str,
    why: str,
    method: str,
    config: Any,
    corpus: str,
    seed: int,
    progress: Callable[[str, int, int], None],
) -> Committed:
    """The facts of a file solved together on top of what is in force without them, in the place of what they replace.

    Raises:
        EditRefused: The edit would do harm.
    """
    from emendo.edit import compute_edit
    from emendo.ledger.entry import without
    from emendo.models import Revision

    others = without(session.ledger.at().in_force, plan.replaces)
    revision = Revision(deltas=tuple(session.ledger.patch(entry).delta for entry in others))
    edit = compute_edit(
        session.model,
        *plan.requests,
        method=method,
        config=config,
        revision=revision,
        earlier=_requests(others),
        corpus=corpus,
        seed=seed,
        keep_values=True,
        progress=progress,
    )
    return _commit(replace(session, revision=revision), edit, who=who, why=why, file=file, replaces=plan.replaces)


def _commit(
    session: Session, edit: Edit, *, who: str, why: str, file: str | None = None, replaces: Sequence[int] = ()
) -> Committed:
    from emendo.errors import InvalidRequest
    from emendo.ledger import Patch, Provenance

    if not edit.delta.changes:
        raise InvalidRequest(
            f"The model says '{edit.requests[0].target_new}' in every text that would teach it already; there is nothing to edit."
        )
    provenance = Provenance(**edit.account(), who=who, why=why, file=file)
    patch = Patch.make(session.model, edit.delta, edit.requests, provenance, parent=session.revision)
    entry = session.ledger.commit(patch, replaces)
    return Committed(edit=edit, entry=entry, session=replace(session, revision=session.ledger.revision()))


def _requests(entries: Sequence[Entry]) -> list[EditRequest]:
    return [request for entry in entries for request in entry.requests]
