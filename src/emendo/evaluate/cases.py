"""The cases of a benchmark: what is edited, and what is asked before and after.

A case is one request with prompts around it: paraphrases that should follow the edit, neighbours that should not, and further
things that are asked. Its `rival` is what the new target has to beat: the true target where an edit is counterfactual
(CounterFact), the model's own mistake where an edit sets a fact right.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from emendo.errors import InvalidRequest
from emendo.evaluate.data import data_digest, find_data
from emendo.facts import EditRequest
from emendo.registry import Registry

BENCHMARKS = Registry("emendo.evaluate.benchmarks", "benchmark")

Split = Literal["all", "tune", "report"]


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """A prompt about something else, which an edit should leave alone.

    Attributes:
        prompt: Text before the object, such as "The capital of Germany is".
        target_true: What truly follows it, such as "Berlin".
    """

    prompt: str
    target_true: str


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A further thing to ask about a case: something that follows from the edit, or that it should leave alone.

    Attributes:
        kind: A word that measures go by: "hop", "inverse", "same_subject", "truth_new", "truth_old", "denial", "essence", …
        text: A question, or text to complete.
        is_chat: Whether it is asked through the chat template.
        accepted: Names of which the answer should give one; none where it should stay what the unedited model says.
        choices: If given, nothing is generated: the answer is that of the choices whose first token is the likeliest.
        max_new_tokens: Of the answer.
    """

    kind: str
    text: str
    is_chat: bool
    accepted: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    max_new_tokens: int = 32


@dataclass(frozen=True, kw_only=True)
class Case:
    """One request and the prompts that measure it.

    Attributes:
        id: Unique in its benchmark.
        request: The edit.
        rival: What the new target is compared with.
        paraphrases: Other texts that the same target should follow.
        neighbours: Texts whose own targets should stay.
        questions: The fact as people ask it, for chat; `Fact.question` is asked in any case.
        asked: Further things to ask.
        references: Texts about other things of which the new target is true; generations are likened to them.
        with_requests: Edits that are made together with `request`, where what is asked follows from several.
    """

    id: str
    request: EditRequest
    rival: str
    paraphrases: tuple[str, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    questions: tuple[str, ...] = ()
    asked: tuple[Asked, ...] = ()
    references: tuple[str, ...] = ()
    with_requests: tuple[EditRequest, ...] = ()

    @property
    def requests(self) -> tuple[EditRequest, ...]:
        """All that is taught together."""
        return (self.request, *self.with_requests)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Case:
        """The case that `dataclasses.asdict` wrote."""
        return cls(
            id=fields["id"],
            request=EditRequest.from_dict(fields["request"]),
            rival=fields["rival"],
            paraphrases=tuple(fields["paraphrases"]),
            neighbours=tuple(Neighbour(**neighbour) for neighbour in fields["neighbours"]),
            questions=tuple(fields["questions"]),
            asked=tuple(Asked(**_tuples(asked)) for asked in fields["asked"]),
            references=tuple(fields["references"]),
            with_requests=tuple(map(EditRequest.from_dict, fields["with_requests"])),
        )


@dataclass(frozen=True, kw_only=True)
class CaseSet:
    """Cases drawn from a benchmark, and where they come from.

    Attributes:
        benchmark: Name of the plug-in.
        version: Of the benchmark's reader and, where it ships one, its file.
        file: Name of the file or folder that was read.
        digest: Its SHA-256, see `data_digest`.
        split: Which part of the file the cases were drawn from.
        seed: Of the draw.
        cases: In the order of the file.
    """

    benchmark: str
    version: str
    file: str
    digest: str
    split: Split
    seed: int
    cases: tuple[Case, ...]

    def core(self) -> CaseSet:
        """The cases without what is asked besides: other relations, consequences, truth, fluency."""
        return replace(self, cases=tuple(replace(case, asked=(), references=()) for case in self.cases))

    def draw(self, n: int) -> CaseSet:
        """At most `n` of the cases, drawn at random with the seed, in the order of the file."""
        if n >= len(self.cases):
            return self
        chosen = random.Random(self.seed).sample(range(len(self.cases)), n)  # noqa: S311 - a reproducible draw, no secret
        return replace(self, cases=tuple(self.cases[i] for i in sorted(chosen)))


def load_cases(
    benchmark: str,
    *,
    data: str | None = None,
    n: int | None = None,
    split: Split = "all",
    seed: int = 0,
    home: Path | None = None,
) -> CaseSet:
    """Cases of a benchmark, drawn at random with a seed.

    Args:
        benchmark: Name of a benchmark.
        data: A file (or a folder, if the benchmark reads one), or "hub" to fetch the benchmark's public set; where the
            benchmark's file is looked for unless given.
        n: How many; all unless given, and all there are if there are fewer.
        split: "tune" for choosing settings, "report" for the figures that are reported; the two share no case.
        seed: Of the draw.
        home: Where fetched data is kept; `default_home` unless given.

    Raises:
        UnknownName: There is no such benchmark.
        DataUnavailable: Its file is not there.
        InvalidRequest: The file does not hold cases.
    """
    plugin = BENCHMARKS.get(benchmark)
    path = find_data(plugin.DATA, plugin.HUB, chosen=data, home=home)
    cases = [case for case in plugin.read_cases(path) if split in ("all", _half(case.id))]
    if not cases:
        raise InvalidRequest(f"'{path.name}' holds no case of the split '{split}'; give another file or split.")
    found = CaseSet(
        benchmark=benchmark,
        version=plugin.VERSION,
        file=path.name,
        digest=data_digest(path),
        split=split,
        seed=seed,
        cases=tuple(cases),
    )
    return found if n is None else found.draw(n)


def unique_ids(cases: Sequence[Case]) -> Sequence[Case]:
    """The cases, if no two share an id.

    Raises:
        InvalidRequest: Two do.
    """
    seen: set[str] = set()
    for case in cases:
        if case.id in seen:
            raise InvalidRequest(f"Two cases have the id '{case.id}'; give each its own, so that a run can be resumed.")
        seen.add(case.id)
    return cases


def _tuples(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}


def _half(case_id: str) -> str:
    """The half of the file that a case lies in: by its id, so that it does not move when the file grows."""
    return "report" if hashlib.sha256(case_id.encode()).digest()[0] % 2 else "tune"
