"""What applying a facts file would change: which facts are new, which go, which are there, and which contradict an edit.

A facts file is kept in version control, so applying it means that exactly its facts are in force: applied twice it changes nothing,
and a line that was taken out is taken back. What the file taught before is solved again from the weights without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emendo.errors import InvalidRequest
from emendo.facts import EditRequest

if TYPE_CHECKING:
    from emendo.ledger import Entry

_MOST_LISTED = 5


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What applying a file comes to.

    Attributes:
        requests: What the file asks for and no other edit does, in an order that does not depend on the file's.
        added: Those that are not in force yet.
        removed: Those that the file taught before, and no longer asks for.
        elsewhere: Those that another edit has put in force already.
        duplicates: How many rows repeat another one.
        before: The entry that applied the file before, if it is in force.
        overruled: Entries whose edits contradict the file, and give way to it.
    """

    requests: tuple[EditRequest, ...]
    added: tuple[EditRequest, ...]
    removed: tuple[EditRequest, ...]
    elsewhere: tuple[EditRequest, ...]
    duplicates: int
    before: Entry | None
    overruled: tuple[Entry, ...]

    @property
    def changes_nothing(self) -> bool:
        """Whether everything is as the file wants it."""
        return not (self.added or self.removed or self.overruled)

    @property
    def replaces(self) -> tuple[int, ...]:
        """Numbers of the entries that the new one takes the place of."""
        return tuple(sorted(entry.number for entry in (*self.overruled, *([self.before] if self.before else []))))


def plan(name: str, rows: Sequence[EditRequest], in_force: Sequence[Entry], *, overrule: bool = False) -> Plan:
    """What applying a file comes to.

    Args:
        name: Of the file; an entry made from a file of this name is the one before.
        rows: Its requests.
        in_force: The edits in force.
        overrule: Whether edits that contradict the file give way.

    Raises:
        InvalidRequest: Two rows want different targets of one fact, or an edit contradicts a row.
    """
    requests = _without_repeats(rows)
    before = next((entry for entry in in_force if entry.file == name), None)
    others = [entry for entry in in_force if entry is not before]
    taught = {_fact(request): (entry, request) for entry in others for request in entry.requests}
    contradicted = [request for request in requests if _differs(request, taught)]
    if contradicted and not overrule:
        told = "; ".join(
            f"{r.fact.marked} → {r.target_new}, but entry {taught[_fact(r)][0].number} says {taught[_fact(r)][1].target_new}"
            for r in contradicted[:_MOST_LISTED]
        )
        raise InvalidRequest(
            f"{_count(len(contradicted))} of '{name}' contradict edits in force ({told}); take those back with 'emendo revert', "
            "or let the file overrule them with --overrule. Nothing was changed."
        )
    overruled = {taught[_fact(request)][0].number: taught[_fact(request)][0] for request in contradicted}
    elsewhere = [request for request in requests if _fact(request) in taught and not _differs(request, taught)]
    elsewhere = [request for request in elsewhere if taught[_fact(request)][0].number not in overruled]
    wanted = [request for request in requests if request not in elsewhere]
    old = {_fact(request): request for request in before.requests} if before is not None else {}
    return Plan(
        requests=tuple(sorted(wanted, key=lambda request: (request.fact.subject, request.fact.prompt))),
        added=tuple(request for request in wanted if _differs_from(request, old)),
        removed=tuple(request for key, request in old.items() if key not in {_fact(r) for r in wanted}),
        elsewhere=tuple(elsewhere),
        duplicates=len(rows) - len(requests),
        before=before,
        overruled=tuple(overruled.values()),
    )


def _without_repeats(rows: Sequence[EditRequest]) -> list[EditRequest]:
    """The requests, each fact once.

    Raises:
        InvalidRequest: Two rows want different targets of one fact.
    """
    kept: dict[tuple[str, str], EditRequest] = {}
    contradictions = []
    for request in rows:
        first = kept.setdefault(_fact(request), request)
        if first.target_new != request.target_new:
            contradictions.append(f"{request.fact.marked} → {first.target_new} and {request.target_new}")
    if contradictions:
        raise InvalidRequest(
            f"{_count(len(contradictions))} of the file contradict earlier ones ({'; '.join(contradictions[:_MOST_LISTED])}); "
            "keep one target for each fact. Nothing was changed."
        )
    return list(kept.values())


def _fact(request: EditRequest) -> tuple[str, str]:
    """What makes two requests be about the same fact: subject and relation, without regard to case and spaces."""
    return " ".join(request.fact.subject.split()).casefold(), " ".join(request.fact.prompt.split()).casefold()


def _differs(request: EditRequest, taught: dict[tuple[str, str], tuple[Entry, EditRequest]]) -> bool:
    return _fact(request) in taught and taught[_fact(request)][1].target_new != request.target_new


def _differs_from(request: EditRequest, old: dict[tuple[str, str], EditRequest]) -> bool:
    return _fact(request) not in old or old[_fact(request)].target_new != request.target_new


def _count(rows: int) -> str:
    return "1 row" if rows == 1 else f"{rows} rows"
