"""What a model says about a case at a revision: scores of targets, and free answers.

An answer is generated greedily, through the plain prompt and through the chat template, until the model stops by itself or
32 tokens are out. It succeeds if the new target stands in it and the rival does not stand before. Words are compared without
case and accents, as whole words, and the subject's own name is taken out first: "Porsche 911" must not count as "Porsche".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from emendo.evaluate.cases import Case
from emendo.evaluate.scoring import TargetAfter, TargetScore, score_targets
from emendo.facts import EditRequest
from emendo.models import EditableModel, Generation, Revision, chat_prompt, encode, generate, target_ids

Recall = Callable[[EditRequest, str], Sequence[EditRequest]]

MAX_NEW_TOKENS = 32
_ROWS_PER_BATCH = 48


@dataclass(frozen=True, kw_only=True)
class Comparison:
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
class Observation:
    """All that was seen of a case at one revision.

    Attributes:
        rewrite: At the prompt of the request.
        paraphrases: At each paraphrase.
        neighbours: At each neighbour.
        completion: After the prompt of the request.
        chat: To the question that the prompt makes.
        questions: To each question of the case.
    """

    rewrite: Comparison
    paraphrases: tuple[Comparison, ...]
    neighbours: tuple[Comparison, ...]
    completion: Answer
    chat: Answer
    questions: tuple[Answer, ...]

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
    prompts: list[list[int]] = []
    for case, revision in sights:

        def told(text: str, own: EditRequest = case.request) -> str:
            return "".join(f"{_sentence(request)} " for request in recall(own, text)) + text

        new = case.request.target_new
        probes = [(case.request.fact.text, new, case.rival)]
        probes += [(text, new, case.rival) for text in case.paraphrases]
        probes += [(neighbour.prompt, neighbour.target_true, new) for neighbour in case.neighbours]
        for text, *targets in probes:
            prompt = tuple(encode(model, told(text)))
            queries += [
                TargetAfter(prompt=prompt, target=tuple(target_ids(model, target)), revision=revision) for target in targets
            ]
        prompts.append(encode(model, told(case.request.fact.text)))
        prompts += [chat_prompt(model, told(question)) for question in (case.request.fact.question(), *case.questions)]
    scores = iter(score_targets(model, queries))
    revisions = [revision for case, revision in sights for _ in range(2 + len(case.questions))]
    said = iter(_generate(model, prompts, revisions))
    observations = []
    for case, _ in sights:
        count = 1 + len(case.paraphrases) + len(case.neighbours)
        compared = [Comparison(wanted=next(scores), other=next(scores)) for _ in range(count)]
        answers = [_answer(case, next(said)) for _ in range(2 + len(case.questions))]
        observations.append(
            Observation(
                rewrite=compared[0],
                paraphrases=tuple(compared[1 : 1 + len(case.paraphrases)]),
                neighbours=tuple(compared[1 + len(case.paraphrases) :]),
                completion=answers[0],
                chat=answers[1],
                questions=tuple(answers[2:]),
            )
        )
    return observations


def answer_questions(model: EditableModel, questions: Sequence[str], revision: Revision) -> list[str]:
    """What the model answers to each question in chat, at most 32 tokens."""
    prompts = [chat_prompt(model, question) for question in questions]
    return [generation.text for generation in _generate(model, prompts, [revision] * len(prompts))]


def names_first(text: str, wanted: str, other: str, *, subject: str = "") -> bool:
    """Whether a text names one target, and not the other before it.

    Args:
        text: What was said.
        wanted: The target that should be named.
        other: The target that should not come first; it may begin inside the wanted one.
        subject: A name that is taken out of the text first.
    """
    words = _plain(text)
    if subject:
        words = re.sub(_bounded(subject), " ", words)
    found, rival = re.search(_bounded(wanted), words), re.search(_bounded(other), words)
    if found is None or rival is None:
        return found is not None
    # Where both begin at one place, as "Jefferson" and "Jefferson City", the longer one was said.
    return (found.start(), -len(found[0])) <= (rival.start(), -len(rival[0]))


def _sentence(request: EditRequest) -> str:
    """A fact as it is told to the model: "The capital of California is Sacramento."."""
    said = request.fact.statement()
    text = request.fact.text if said is None else said.text
    return f"{text} {request.target_new}."


def _answer(case: Case, generation: Generation) -> Answer:
    is_success = names_first(generation.text, case.request.target_new, case.rival, subject=case.request.fact.subject)
    return Answer(text=generation.text, is_success=is_success, is_stopped=generation.finish_reason == "stop")


def _generate(model: EditableModel, prompts: Sequence[Sequence[int]], revisions: Sequence[Revision]) -> list[Generation]:
    """Greedy answers; prompts of like length share a batch, the same prompt at the same revision is answered once."""
    keys = [(tuple(prompt), revision) for prompt, revision in zip(prompts, revisions, strict=True)]
    ordered = sorted(dict.fromkeys(keys), key=lambda key: len(key[0]))
    answers: dict[tuple[tuple[int, ...], Revision], Generation] = {}
    for start in range(0, len(ordered), _ROWS_PER_BATCH):
        part = ordered[start : start + _ROWS_PER_BATCH]
        said = generate(model, [key[0] for key in part], [key[1] for key in part], max_new_tokens=MAX_NEW_TOKENS)
        answers.update(zip(part, said, strict=True))
    return [answers[key] for key in keys]


def _comparison(fields: dict[str, Any]) -> Comparison:
    return Comparison(wanted=TargetScore(**fields["wanted"]), other=TargetScore(**fields["other"]))


def _plain(text: str) -> str:
    """A text without case and accents."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))


def _bounded(name: str) -> str:
    """A pattern for a name that no letter or digit adjoins."""
    return rf"(?<!\w){re.escape(_plain(name))}(?!\w)"
