"""Requests as users give them: with or without a marked subject, alone or in a file, with companions if wanted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from emendo.cli.console import err
from emendo.facts import EditRequest, Fact, read_requests

if TYPE_CHECKING:
    from emendo.models import EditableModel


def parse_fact(model: EditableModel, text: str, true: str | None = None) -> Fact:
    """The fact that a text states; where no subject is marked it is found, and shown.

    Raises:
        InvalidRequest: No subject is marked, and none is found.
    """
    if "{" in text or "}" in text:
        return Fact.parse(text, true)
    from emendo.locate.subject import find_subject

    fact = Fact.around(text, find_subject(model, text), true)
    err.print(f"Subject found: [bold]{fact.subject}[/] in “{fact.marked}”; mark another one in braces if that is wrong.")
    return fact


def read_file(path: Path, model: EditableModel, *, with_inverse: bool, with_paraphrases: bool) -> list[EditRequest]:
    """The requests of a file, with the companions that are wanted; subjects that are not marked are found, and counted aloud."""
    from emendo.locate.subject import find_subject

    found: list[str] = []

    def find(text: str) -> str:
        found.append(find_subject(model, text))
        return found[-1]

    requests = read_requests(path, find_subject=find)
    if found:
        err.print(
            f"{len(found)} rows have no marked subject; found: {', '.join(found[:8])}{' …' if len(found) > 8 else ''}."
        )
    return with_companions(requests, with_inverse=with_inverse, with_paraphrases=with_paraphrases)


def with_companions(requests: Sequence[EditRequest], *, with_inverse: bool, with_paraphrases: bool) -> list[EditRequest]:
    """The requests, each followed by its companions."""
    from emendo.companions import inverse, paraphrases

    taught = []
    for request in requests:
        taught.append(request)
        if with_paraphrases:
            taught += paraphrases(request)
        if with_inverse:
            back = inverse(request)
            if back is None:
                err.print(f"No rule gives the inverse of “{request.fact.marked}”; it is taught without.", style="yellow")
            else:
                taught.append(back)
    return taught
