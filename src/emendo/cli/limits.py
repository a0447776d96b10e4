"""What an edit cannot do, and what all edits together cost, in sentences: `edit`, `apply`, `chat` and the page say them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emendo.edit import Edit
    from emendo.models import EditableModel


def limits(model: EditableModel, edit: Edit) -> list[str]:
    """A sentence or two for each limit that an edit meets: most meet none."""
    return [*_harm_of_all(edit), *_unread(model, edit), *_open_elsewhere(edit)]


def warn_of_limits(model: EditableModel, edit: Edit) -> None:
    """Print them."""
    from emendo.cli.console import out

    for sentence in limits(model, edit):
        out.print(sentence, style="yellow", markup=False, highlight=False)


def _harm_of_all(edit: Edit) -> list[str]:
    """Where all edits together do what a single one would be refused for."""
    from emendo.edit.guard import MOST_PERPLEXITY_RATIO

    ratio = edit.figures["perplexity_ratio_of_all"]
    if ratio <= MOST_PERPLEXITY_RATIO:
        return []
    return [
        f"All edits together make unrelated text {ratio:.2f} times as perplexing as the original does. "
        "Take some back, or make them with the method hidden_unit, whose edits add up least."
    ]


def _unread(model: EditableModel, edit: Edit) -> list[str]:
    """Where a fact can hardly be changed at the beginning of a text."""
    from emendo.edit.contexts import is_unread

    subjects = [request.fact.subject for request in edit.requests if is_unread(model, request.fact)]
    if not subjects:
        return []
    return [
        f"Text that begins with {_named(subjects)} is hardly changed: its first token is an attention sink, in which the "
        "model does not read the name."
    ]


def _open_elsewhere(edit: Edit) -> list[str]:
    """Where gates that may be shut at the subject in other texts are not, for the model holds too many facts."""
    if edit.figures.get("other_texts") != 0:
        return []
    most = edit.config["first_facts"]
    return [
        f"The model holds more than {most} facts, so whatever else is asked about "
        f"{_named([request.fact.subject for request in edit.requests])} may be answered differently, too. "
        f"Take some back, or set first_facts above {most}, which costs plain text a little and some paraphrases."
    ]


def _named(subjects: Sequence[str]) -> str:
    """The first, and how many others."""
    first, *others = dict.fromkeys(subjects)
    if not others:
        return first
    return f"{first} or {len(others)} other subject{'s' if len(others) > 1 else ''}"
