"""What `/api` takes and gives of edits and of long work, field by field."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from emendo.serve.shapes import Id, Phrase, Shape, Text


class Span(Shape):
    start: Annotated[int, Field(ge=0)]
    end: Annotated[int, Field(ge=0)]


class WrongWords(Shape):
    model: Id
    conversation: Id | None = None
    message: Id | None = None
    answer: Id | None = None
    question: Phrase
    answer_text: Text
    wrong: Span


class Suggestion(Shape):
    """What "Fix it here" fills in."""

    subject: str
    prompt: str
    target_old: str
    candidates: list[str]


class NewPreview(Shape):
    """An edit is computed, and what it would do; nothing is recorded."""

    kind: Literal["preview"]
    model: Id
    subject: Phrase
    prompt: Phrase
    target_new: Phrase
    target_true: Phrase | None = None
    method: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")] | None = None
    layer: Annotated[int, Field(ge=0)] | None = None


class NewTrace(Shape):
    """Where a fact lies."""

    kind: Literal["trace"]
    model: Id
    subject: Phrase
    prompt: Phrase


class NewCanaries(Shape):
    """Whether what should have changed has, and nothing else did: for one edit, or for all in force."""

    kind: Literal["canaries"]
    model: Id
    subject: Phrase | None = None
    prompt: Phrase | None = None
    target_new: Phrase | None = None


class NewBlame(Shape):
    """Which edit moved a token of an answer."""

    kind: Literal["blame"]
    model: Id
    message: Id
    answer: Id
    index: Annotated[int, Field(ge=0)]


NewJob = Annotated[NewPreview | NewTrace | NewCanaries | NewBlame, Field(discriminator="kind")]


class Job(Shape):
    id: str
    kind: str
    model: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    stage: str
    done: int
    total: int
    created: str
    seconds: float
    result: dict[str, Any] | None
    error: str | None
    input: dict[str, Any]


class Jobs(Shape):
    jobs: list[Job]


class NewEdit(Shape):
    preview: Id
    strength: Annotated[float, Field(gt=0, le=1.5)] = 1.0
    why: Annotated[str, Field(max_length=2000)] = ""
    who: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class NewRevert(Shape):
    entries: Annotated[list[Annotated[int, Field(ge=1)]], Field(max_length=1000)] = Field(default=[])
    all: bool = False
    why: Annotated[str, Field(max_length=2000)] = ""


class NewRestore(Shape):
    entry: Annotated[int, Field(ge=1)]
    why: Annotated[str, Field(max_length=2000)] = ""


class RequestShape(Shape):
    subject: str
    prompt: str
    target_new: str
    target_true: str | None


class EntryShape(Shape):
    number: int
    kind: Literal["edit", "revert"]
    when: str
    who: str
    why: str
    revision: str
    method: str | None
    layers: list[int]
    relative_norm: float | None
    seconds: float | None
    requests: list[RequestShape]
    in_force: bool
    reverted_by: int | None
    reverts: list[int]


class LedgerShape(Shape):
    revision: str
    entries: list[EntryShape]
