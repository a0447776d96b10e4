"""What the engine is asked, what it tells while it answers, and the answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from emendo.models import EditableModel, Revision, Sampling, Token
from emendo.models.rows import Finish


@dataclass(frozen=True, kw_only=True, eq=False)
class RowRequest:
    """One answer that is wanted.

    Attributes:
        prompt: Token ids.
        revision: What it is pinned to; edits made later do not reach it.
        sampling: How it is chosen.
    """

    prompt: tuple[int, ...]
    revision: Revision
    sampling: Sampling


@dataclass(frozen=True, kw_only=True, eq=False)
class Question:
    """Answers that are wanted together; they run in one batch, token by token.

    Attributes:
        model: Who answers.
        rows: One answer each.
        scored: Report log-probabilities of the prompts' tokens too, with this many of the likeliest; None for not at all.
        is_compared: There are two rows; say how far the second's distribution is from the first's while they agree.
    """

    model: EditableModel
    rows: tuple[RowRequest, ...]
    scored: int | None = None
    is_compared: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """One finished answer.

    Attributes:
        text: What was said, up to a stop string.
        tokens: Its tokens.
        ending: The token that ended it, where one did.
        finish: "stop" where model or stop string ended it, "length" where it was cut, "cancelled" where nobody waited for it.
        revision: Id of the revision that said it.
        prompt_tokens: How many tokens the prompt has.
        completion_tokens: How many tokens were generated; those of a stop string count.
        seconds: From admission to the end.
        seconds_to_first_token: From admission to the first token; None where there is none.
        prompt: The prompt's tokens, where they were scored; the first has no logprob (NaN).
    """

    text: str
    tokens: tuple[Token, ...]
    ending: Token | None
    finish: Finish
    revision: str
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    seconds_to_first_token: float | None
    prompt: tuple[Token, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Started:
    """A row begins to be answered."""

    row: int


@dataclass(frozen=True, kw_only=True)
class Said:
    """A row said a token."""

    row: int
    index: int
    token: Token


@dataclass(frozen=True, kw_only=True)
class Compared:
    """KL(second ‖ first) in nats at one place, and whether the rows differ from there on."""

    index: int
    divergence: float
    differs: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Ended:
    """A row has its answer."""

    row: int
    answer: Answer


@dataclass(frozen=True, kw_only=True, eq=False)
class Failed:
    """The question could not be answered; nothing more comes."""

    error: Exception


@dataclass(frozen=True, kw_only=True)
class Finished:
    """Every row has ended; nothing more comes."""


Event = Started | Said | Compared | Ended | Failed | Finished
Listener = Callable[[Event], None]
