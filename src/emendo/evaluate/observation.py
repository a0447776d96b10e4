"""What a model says about a case at a revision: scores of targets, and free answers.

An answer is generated greedily, through the plain prompt and through the chat template, until the model stops by itself or
32 tokens are out. It succeeds if the new target stands in it and the rival does not stand before; see `naming` for what that
means. What else a case asks is answered in the same batches: generated, or chosen by the first token of the choices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from emendo.evaluate.cases import Asked, Case
from emendo.evaluate.naming import first_sentence, names_any, names_first
from emendo.evaluate.scoring import TargetAfter, TargetScore, score_targets
from emendo.facts import EditRequest
from emendo.models import EditableModel, Generation, Revision, chat_prompt, encode, generate, target_ids

Recall = Callable[[EditRequest, str], Sequence[EditRequest]]

MAX_NEW_TOKENS = 32
# Prompts and answers of one batch, in tokens, padding included; bounds the memory of its cache.
_TOKENS_PER_BATCH = 8192


@dataclass(frozen=True, kw_only=True)
class TargetPair:
    """Two targets after one prompt.

    Attributes:
        wanted: The one that should win: the new target, or at a neighbour its own true one.
        other: The one that it is compared with.
    """

    wanted: TargetScore
    other: TargetScore

    @property
    def is_likelier(self) -> bool:
        """Whether the wanted target has the greater probability, per token in the geometric mean."""
        return self.wanted.nll < self.other.nll


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the model said freely.

    Attributes:
        text: Its words.
        is_success: Whether they name the new target, and not the rival before it.
        is_stopped: Whether the model ended them by itself.
    """

    text: str
    is_success: bool
    is_stopped: bool


@dataclass(frozen=True, kw_only=True)
class AskedAnswer:
    """What the model said to a further thing that a case asks.

    Attributes:
        kind: Of the thing that was asked.
        question: Its text.
        is_chat: Whether it was asked through the chat template.
        text: What was generated; the likelier choice where there were choices.
        is_success: Whether that gives an accepted name; None where the case accepts none.
        names_new: Whether its first sentence names the new target.
        is_stopped: Whether the model ended it by itself.
        tokens: How many tokens were generated.
    """

    kind: str
    question: str
    is_chat: bool
    text: str
    is_success: bool | None
    names_new: bool
    is_stopped: bool
    tokens: int


@dataclass(frozen=True, kw_only=True)
class Observation:
    """All that was seen of a case at one revision.

    Attributes:
        rewrite: At the prompt of the request.
        paraphrases: At each paraphrase.
        neighbours: At each neighbour.
        completion: After the prompt of the request.
        chat: To the question that the prompt makes.
        questions: To each question of the case.
        asked: To each further thing that the case asks.
        references: Those of the case, which generations are likened to.
    """

    rewrite: TargetPair
    paraphrases: tuple[TargetPair, ...]
    neighbours: tuple[TargetPair, ...]
    completion: Answer
    chat: Answer
    questions: tuple[Answer, ...]
    asked: tuple[AskedAnswer, ...] = ()
    references: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Observation:
        """The observation that `dataclasses.asdict` wrote."""
        return cls(
            rewrite=_comparison(fields["rewrite"]),
            paraphrases=tuple(_comparison(c) for c in fields["paraphrases"]),
            neighbours=tuple(_comparison(c) for c in fields["neighbours"]),
            completion=Answer(**fields["completion"]),
            chat=Answer(**fields["chat"]),
            questions=tuple(Answer(**a) for a in fields["questions"]),
            asked=tuple(AskedAnswer(**a) for a in fields["asked"]),
            references=tuple(fields["references"]),
        )


def observe(
    model: EditableModel, sights: Sequence[tuple[Case, Revision]], recall: Recall = lambda own, prompt: ()
) -> list[Observation]:
    """What the model says about each case at the revision beside it; all prompts of all cases share their batches.

    Args:
        model: The model.
        sights: Cases and revisions.
        recall: The facts that are put before a prompt of a case's request; none unless given.
    """
    queries: list[TargetAfter] = []
    jobs: list[_Job] = []
    for case, revision in sights:

        def told(text: str, own: Sequence[EditRequest] = case.requests) -> str:
            recalled = dict.fromkeys(request for one in own for request in recall(one, text))
            return "".join(f"{_sentence(request)} " for request in recalled) + text

        def prompt(text: str, is_chat: bool, told: Callable[[str], str] = told) -> tuple[int, ...]:
            return tuple(chat_prompt(model, told(text)) if is_chat else encode(model, told(text)))

        def score(at: tuple[int, ...], targets: Sequence[Sequence[int]], revision: Revision = revision) -> None:
            queries.extend(TargetAfter(prompt=at, target=tuple(target), revision=revision) for target in targets)

        for text, *targets in _compared(case):
            score(prompt(text, False), [target_ids(model, target) for target in targets])
        said = [(case.request.fact.text, False), (case.request.fact.question(), True), *((q, True) for q in case.questions)]
        jobs += [_Job(prompt=prompt(text, is_chat), revision=revision) for text, is_chat in said]
        for asked in case.asked:
            at = prompt(asked.text, asked.is_chat)
            if asked.choices:
                score(at, [_first_token(model, choice, asked.is_chat) for choice in asked.choices])
            else:
                jobs.append(_Job(prompt=at, revision=revision, max_new_tokens=asked.max_new_tokens))
    scores, answers = iter(score_targets(model, queries)), iter(_generate(model, jobs))
    return [_observation(case, scores, answers) for case, _ in sights]


def answer_questions(model: EditableModel, questions: Sequence[str], revision: Revision) -> list[str]:
    """What the model answers to each question in chat, at most 32 tokens."""
    jobs = [_Job(prompt=tuple(chat_prompt(model, question)), revision=revision) for question in questions]
    return [generation.text for generation in _generate(model, jobs)]


@dataclass(frozen=True, kw_only=True)
class _Job:
    """A prompt that is to be continued at a revision."""

    prompt: tuple[int, ...]
    revision: Revision
    max_new_tokens: int = MAX_NEW_TOKENS


def _compared(case: Case) -> list[tuple[str, str, str]]:
    """Prompts with the target that should win and the one that it is compared with."""
    new = case.request.target_new
    prompts = [(text, new, case.rival) for text in (case.request.fact.text, *case.paraphrases)]
    return prompts + [(neighbour.prompt, neighbour.target_true, new) for neighbour in case.neighbours]


def _first_token(model: EditableModel, choice: str, is_chat: bool) -> list[int]:
    """The token that an answer begins with; a chat template that ends in a line break leaves no space before it."""
    if is_chat and model.tokenizer.chat_template is not None:
        ids: list[int] = model.tokenizer(choice, add_special_tokens=False)["input_ids"]
        return ids[:1]
    return target_ids(model, choice)[:1]


def _observation(case: Case, scores: Iterator[TargetScore], said: Iterator[Generation]) -> Observation:
    """What was seen of a case, taken in the order in which it was asked for."""
    compared = [TargetPair(wanted=next(scores), other=next(scores)) for _ in _compared(case)]
    answers = [_answer(case, next(said)) for _ in range(2 + len(case.questions))]
    neighbours = 1 + len(case.paraphrases)
    return Observation(
        rewrite=compared[0],
        paraphrases=tuple(compared[1:neighbours]),
        neighbours=tuple(compared[neighbours:]),
        completion=answers[0],
        chat=answers[1],
        questions=tuple(answers[2:]),
        asked=tuple(
            _chosen(asked, [next(scores) for _ in asked.choices]) if asked.choices else _said(case, asked, next(said))
            for asked in case.asked
        ),
        references=case.references,
    )


def _chosen(asked: Asked, scores: Sequence[TargetScore]) -> AskedAnswer:
    choice = min(zip(scores, asked.choices, strict=True), key=lambda pair: pair[0].nll)[1]
    is_success = choice in asked.accepted if asked.accepted else None
    return AskedAnswer(
        kind=asked.kind,
        question=asked.text,
        is_chat=asked.is_chat,
        text=choice,
        is_success=is_success,
        names_new=False,
        is_stopped=True,
        tokens=0,
    )


def _said(case: Case, asked: Asked, generation: Generation) -> AskedAnswer:
    text, subject = generation.text, case.request.fact.subject
    return AskedAnswer(
        kind=asked.kind,
        question=asked.text,
        is_chat=asked.is_chat,
        text=text,
        is_success=names_any(text, asked.accepted) if asked.accepted else None,
        names_new=names_first(first_sentence(text), case.request.target_new, "\0", subject=subject),
        is_stopped=generation.finish_reason == "stop",
        tokens=len(generation.token_ids),
    )


def _sentence(request: EditRequest) -> str:
    """A fact as it is told to the model: "The capital of California is Sacramento."."""
    said = request.fact.statement()
    text = request.fact.text if said is None else said.text
    return f"{text} {request.target_new}."


def _answer(case: Case, generation: Generation) -> Answer:
    is_success = names_first(generation.text, case.request.target_new, case.rival, subject=case.request.fact.subject)
    return Answer(text=generation.text, is_success=is_success, is_stopped=generation.finish_reason == "stop")


def _generate(model: EditableModel, jobs: Sequence[_Job]) -> list[Generation]:
    """Greedy answers; jobs of like length share a batch, the same prompt at the same revision is answered once."""
    ordered = sorted(dict.fromkeys(jobs), key=lambda job: (job.max_new_tokens, len(job.prompt)))
    answers: dict[_Job, Generation] = {}
    while ordered:
        first = ordered[0]
        # The last job of a batch is its longest.
        count = sum(
            job.max_new_tokens == first.max_new_tokens
            and (at + 1) * (len(job.prompt) + job.max_new_tokens) <= _TOKENS_PER_BATCH
            for at, job in enumerate(ordered)
        )
        part, ordered = ordered[: max(1, count)], ordered[max(1, count) :]
        said = generate(
            model, [job.prompt for job in part], [job.revision for job in part], max_new_tokens=first.max_new_tokens
        )
        answers.update(zip(part, said, strict=True))
    return [answers[job] for job in jobs]


def _comparison(fields: dict[str, Any]) -> TargetPair:
    return TargetPair(wanted=_score(fields["wanted"]), other=_score(fields["other"]))


def _score(fields: dict[str, Any]) -> TargetScore:
    return TargetScore(**{**fields, "likeliest": tuple(fields["likeliest"])})
