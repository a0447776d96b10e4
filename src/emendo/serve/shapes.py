"""What `/api` takes and gives, field by field; its OpenAPI document is made from these."""

from __future__ import annotations

from typing import Annotated, Literal

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
    question: Annotated[str, Field(max_length=100_000)] = ""
    answer: Text
    model: Id | None = None
