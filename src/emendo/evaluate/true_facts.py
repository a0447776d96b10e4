"""Counterfactual cases from lists of true facts.

The new target of a fact is another object of its relation, the neighbours are other subjects of it, and what else is known about
the subject is asked beside the edit, with its true answers. Draws are seeded by the case's id, so that a case stays the same when
others come or go.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from emendo.evaluate.asking import asked_of_edit
from emendo.evaluate.cases import Asked, Case, Neighbour
from emendo.evaluate.naming import plain
from emendo.evaluate.same_subject import RELATIONS, asked_of_subject
from emendo.facts import EditRequest, Fact

NEIGHBOURS = 10


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A subject and what is true of it in one relation.

    Attributes:
        subject: What the facts are about.
        prompt: Text before the object, with ``{}`` for the subject.
        objects: All that truly follows, the usual one first.
    """

    subject: str
    prompt: str
    objects: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Relation:
    """True facts of one relation.

    Attributes:
        name: In the ids of its cases.
        property: Its Wikidata property, for what else is asked about a subject.
        kind: What kind of thing its subjects are: a key of `TOPICS`.
        samples: One for each subject.
        paraphrases: Other templates that an object follows.
        questions: Templates of questions.
        source: Of the facts.
    """

    name: str
    property: str
    kind: str
    samples: tuple[Sample, ...]
    paraphrases: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    source: str


def counterfactual_cases(relations: Sequence[Relation]) -> Iterator[Case]:
    """A case for each subject of each relation that has another object to offer."""
    known: dict[str, list[tuple[Relation, Sample]]] = {}
    for relation in relations:
        for sample in relation.samples:
            known.setdefault(sample.subject, []).append((relation, sample))
    for relation in relations:
        objects = {plain(name): name for name in reversed([sample.objects[0] for sample in relation.samples])}
        for sample in relation.samples:
            case = _case(relation, sample, objects, known)
            if case is not None:
                yield case


def _case(
    relation: Relation, sample: Sample, objects: Mapping[str, str], known: Mapping[str, Sequence[tuple[Relation, Sample]]]
) -> Case | None:
    case_id = f"{relation.name}-{sample.subject.replace(' ', '-')}"
    draw = random.Random(case_id)  # noqa: S311 - a reproducible draw, no secret
    true = {plain(name) for name in sample.objects}
    others = [name for folded, name in objects.items() if folded not in true]
    if not others:
        return None
    new = draw.choice(others)
    fact = Fact(subject=sample.subject, prompt=sample.prompt, target_true=sample.objects[0])
    request = EditRequest(fact=fact, target_new=new, id=case_id, source=relation.source)
    near = [s for s in draw.sample(relation.samples, min(3 * NEIGHBOURS, len(relation.samples))) if s is not sample]
    return Case(
        id=case_id,
        request=request,
        rival=sample.objects[0],
        paraphrases=_fill([t for t in relation.paraphrases if t != sample.prompt], sample.subject),
        neighbours=tuple(
            Neighbour(prompt=s.prompt.replace("{}", s.subject), target_true=s.objects[0])
            for s in near
            if new not in s.objects
        )[:NEIGHBOURS],
        questions=tuple(q for q in _fill(relation.questions, sample.subject) if q != fact.question()),
        asked=(*asked_of_edit(request, sample.objects[0]), *_same_subject(relation, sample, case_id, known[sample.subject])),
    )


def _same_subject(
    edited: Relation, sample: Sample, case_id: str, known: Sequence[tuple[Relation, Sample]]
) -> tuple[Asked, ...]:
    """Other relations of the subject: those whose truth is known first, and then by the kind of thing it is."""
    others = [(relation, own) for relation, own in known if relation is not edited][:RELATIONS]
    asked = []
    for relation, own in others:
        fact = Fact(subject=own.subject, prompt=own.prompt)
        question = _fill(relation.questions[:1], own.subject) or (fact.question(),)
        asked += [
            Asked(kind="same_subject", text=text, is_chat=is_chat, accepted=own.objects)
            for text, is_chat in ((question[0], True), (fact.text, False))
        ]
    properties = {relation.property for relation, _ in known}
    rest = RELATIONS - len(others)
    return (*asked, *asked_of_subject(sample.subject, kind=edited.kind, apart_from=properties, seed=case_id, n=rest))


def _fill(templates: Sequence[str], subject: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(template.replace("{}", subject) for template in templates))
