"""What `/api` takes and gives, field by field; its OpenAPI document is made from these."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from emendo.serve.openai_requests import MOST_STOPS, Penalty, Stop

Id = Annotated[str, Field(min_length=1, max_length=64)]
Text = Annotated[str, Field(min_length=1, max_length=100_000)]
Phrase = Annotated[str, Field(min_length=1, max_length=1000)]
RevisionName = Annotated[str, Field(pattern=r"^(original|current|[0-9a-f]{4,12})$")]
State = Literal["queued", "running", "done", "stopped", "failed"]


class Shape(BaseModel):
    """A value of the API; fields that it does not know are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class Settings(Shape):
    """How answers are chosen; None is the server's default."""

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**53)] | None = None
    stop: Annotated[list[Stop], Field(max_length=MOST_STOPS)] | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None


class TokenShape(Shape):
    """A token of an answer."""

    id: int
    text: str
    start: int
    end: int
    logprob: float
    top: list[tuple[str, float]]


class StoredAnswer(Shape):
    """What one pane shows."""

    id: str
    revision_name: str
    revision: str
    content: str
    state: State
    finish_reason: str | None
    error: str | None
    tokens: list[TokenShape]
    seconds: float | None
    seconds_to_first_token: float | None
    seed: int
    settings: Settings


class Message(Shape):
    """One message of a conversation; an assistant's has an answer for each pane, and how they compare."""

    id: str
    parent: str | None
    role: Literal["user", "assistant"]
    content: str
    created: str
    answers: list[StoredAnswer] = []
    divergence: list[float] | None = None
    first_difference: int | None = None


class Headline(Shape):
    """A conversation in the list."""

    id: str
    title: str
    model: str
    created: str
    updated: str
    snippet: str | None = None


class Headlines(Shape):
    conversations: list[Headline]


class Conversation(Headline):
    """A conversation with its messages, versions and all."""

    system: str | None
    settings: Settings
    messages: list[Message] = []


class NewConversation(Shape):
    model: Id
    system: Text | None = None
    settings: Settings = Settings()


class ConversationChange(Shape):
    """What is not given stays as it is."""

    title: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    system: Annotated[str, Field(max_length=100_000)] | None = None
    settings: Settings | None = None
    model: Id | None = None


class NewMessage(Shape):
    parent: Id | None = None
    content: Text
    revisions: Annotated[list[RevisionName], Field(min_length=1, max_length=2)] = ["original", "current"]
    settings: Settings | None = None


class NewAnswers(Shape):
    revisions: Annotated[list[RevisionName], Field(min_length=1, max_length=2)] = ["original", "current"]
    settings: Settings | None = None


class AskedMessage(Shape):
    assistant: Message


class SentMessage(AskedMessage):
    user: Message


class Defaults(Shape):
    """What is used where nothing else is asked for."""

    temperature: float
    top_p: float
    max_tokens: int
    system: str | None


class ModelState(Shape):
    id: str
    name: str
    digest: str
    n_layers: int
    context_length: int
    revision: str
    edits_in_force: int
    defaults: Defaults


class Has(Shape):
    verify: bool


class ServerState(Shape):
    version: str
    models: list[ModelState]
    may_edit: bool
    has: Has
    who: str


class TextOfModel(Shape):
    model: Id
    text: Text


class TokenSpan(Shape):
    id: int
    text: str
    start: int
    end: int


class TokenSpans(Shape):
    tokens: list[TokenSpan]


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
    entries: Annotated[list[Annotated[int, Field(ge=1)]], Field(max_length=1000)] = []
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


class ChatMessage(Shape):
    role: Literal["system", "user", "assistant"]
    content: Annotated[str, Field(max_length=100_000)]


class ShortQuestion(Shape):
    """One short answer, to a text to complete or to messages."""

    prompt: Text | None = None
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=256)] | None = None
    revision: RevisionName = "current"
    settings: Settings = Settings()


class ShortAnswer(Shape):
    text: str
    revision: str
    finish_reason: str


class ToVerify(Shape):
    question: Text
    answer: Text
    model: Id | None = None
