"""What is measured of a case, with the formulas; one value a case and measure.

With p(t | x) = exp(−nll), the geometric mean of the probabilities of the tokens of t, teacher-forced; t_new the new target,
t_rival what it is compared with (CounterFact's true target), and t_true a neighbour's own true target:

    efficacy      ES  p(t_new | x) > p(t_rival | x) at the prompt of the request
                  EM  every token of t_new is the likeliest there
    paraphrase    PS, PM  the same, share of the paraphrases
    neighborhood  NS  p(t_true | x) > p(t_new | x), share of the neighbours
                  NM  every token of t_true is the likeliest, share of the neighbours
    … tokens      share of the tokens that are the likeliest; "kept": share in whose place the unedited model has the same one
    generation    t_new stands in the greedy answer (≤ 32 tokens) and t_rival does not stand before it
    stop          the model ended that answer by itself

Of what a case asks beside that, by kind, the share of what was asked:

    portability_hop, inverse   the greedy answer gives an accepted name
    same_subject, locality     the answer is kept, leaked or unchanged, see `answer_likeness`
    truth_new, truth_old       "Is it true that …?": p(first token of "Yes") against that of "No", in chat
    negation                   after "… is not", the first sentence does not name t_new
    fluency GE, consistency RS  of the continuations of its generation prompts (≤ 60 tokens), see `fluency`

ES, PS, NS, GE and RS are those of Meng et al. (2022), … tokens those of Mitchell et al. (2022), portability by hops that of
Zhong et al. (2023). Measures that are teacher-forced ask how the model rates given words, not what it says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from emendo.evaluate.answer_likeness import is_kept, is_leaked, is_same
from emendo.evaluate.fluency import consistency, fluency, reference_weights
from emendo.evaluate.observation import Answer, AskedAnswer, Observation, TargetPair

Value = Callable[[Observation, Observation], float | None]


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One measure.

    Attributes:
        name: As in reports.
        label: As in tables.
        teacher_forced: Whether it rates given words instead of what the model says.
        is_binary: Whether a case either has it or has not.
        value: Its value for a case, from what was seen with the edit and without it; None where the case has nothing to measure
            it on.
        scale: What a value is multiplied by when it is shown.
        unit: What stands behind it then; "%" for shares, which lie in [0, 1].
    """

    name: str
    label: str
    teacher_forced: bool
    is_binary: bool
    value: Value
    scale: float = 100.0
    unit: str = "%"

    @property
    def is_share(self) -> bool:
        """Whether its values are shares."""
        return self.unit == "%"


def measures_of(unedited: Sequence[Observation]) -> tuple[Measure, ...]:
    """All measures; consistency weighs words by how many reference texts of the run have them.

    Args:
        unedited: What was seen of the cases of the run without an edit.
    """
    weights = reference_weights(unedited)

    def value(after: Observation, _: Observation) -> float | None:
        return consistency(_of_kind(after, "essence"), after.references, weights)

    return (*MEASURES, _free("consistency", "consistency (RS)", value, is_binary=False, unit=""))


def _mean(values: Sequence[float | bool]) -> float | None:
    return sum(values) / len(values) if values else None


def _likelier(comparisons: Sequence[TargetPair]) -> float | None:
    return _mean([c.is_likelier for c in comparisons])


def _argmax(comparisons: Sequence[TargetPair]) -> float | None:
    return _mean([c.wanted.is_argmax for c in comparisons])


def _tokens(comparisons: Sequence[TargetPair]) -> float | None:
    return _mean([c.wanted.accuracy for c in comparisons])


def _same_tokens(after: Observation, before: Observation) -> float | None:
    pairs = zip(after.neighbours, before.neighbours, strict=True)
    return _mean(
        [_mean([a == b for a, b in zip(x.wanted.likeliest, y.wanted.likeliest, strict=True)]) or 0.0 for x, y in pairs]
    )


def _named(answers: Sequence[Answer]) -> float | None:
    return _mean([a.is_success for a in answers])


def _of_kind(seen: Observation, kind: str) -> list[AskedAnswer]:
    return [answer for answer in seen.asked if answer.kind == kind]


def _accepted(kind: str) -> Value:
    """Share of the answers of a kind that give an accepted name, of those where one is known."""
    return lambda after, _: _mean([a.is_success for a in _of_kind(after, kind) if a.is_success is not None])


def _beside(kind: str, compare: Callable[[AskedAnswer, AskedAnswer], bool], *, is_chat: bool | None = None) -> Value:
    """Share of the answers of a kind, of those asked in one way if wanted, of which something holds beside the unedited ones."""

    def value(after: Observation, before: Observation) -> float | None:
        pairs = zip(_of_kind(after, kind), _of_kind(before, kind), strict=True)
        return _mean([compare(a, b) for a, b in pairs if is_chat in (None, a.is_chat)])

    return value


def _any_hop(after: Observation, _: Observation) -> float | None:
    hops = _of_kind(after, "hop")
    return float(any(hop.is_success for hop in hops)) if hops else None


def _forced(name: str, label: str, value: Value, *, is_binary: bool = False) -> Measure:
    return Measure(name=name, label=label, teacher_forced=True, is_binary=is_binary, value=value)


def _free(name: str, label: str, value: Value, *, is_binary: bool = True, scale: float = 100.0, unit: str = "%") -> Measure:
    return Measure(name=name, label=label, teacher_forced=False, is_binary=is_binary, value=value, scale=scale, unit=unit)


def _shares(name: str, label: str, value: Value) -> Measure:
    return _free(name, label, value, is_binary=False)


MEASURES = (
    _forced("efficacy_probability", "efficacy, probability (ES)", lambda o, _: float(o.rewrite.is_likelier), is_binary=True),
    _forced("efficacy_argmax", "efficacy, argmax (EM)", lambda o, _: float(o.rewrite.wanted.is_argmax), is_binary=True),
    _forced("efficacy_tokens", "efficacy, tokens", lambda o, _: o.rewrite.wanted.accuracy),
    _forced("paraphrase_probability", "paraphrase, probability (PS)", lambda o, _: _likelier(o.paraphrases)),
    _forced("paraphrase_argmax", "paraphrase, argmax (PM)", lambda o, _: _argmax(o.paraphrases)),
    _forced("paraphrase_tokens", "paraphrase, tokens", lambda o, _: _tokens(o.paraphrases)),
    _forced("neighborhood_probability", "neighborhood, probability (NS)", lambda o, _: _likelier(o.neighbours)),
    _forced("neighborhood_argmax", "neighborhood, argmax (NM)", lambda o, _: _argmax(o.neighbours)),
    _forced("neighborhood_tokens", "neighborhood, tokens", lambda o, _: _tokens(o.neighbours)),
    _forced("neighborhood_kept_tokens", "neighborhood, tokens kept", _same_tokens),
    _free("generation_completion", "generation, completion", lambda o, _: float(o.completion.is_success)),
    _free("generation_chat", "generation, chat", lambda o, _: float(o.chat.is_success)),
    _shares("generation_questions", "generation, other questions", lambda o, _: _named(o.questions)),
    _shares("generation_companions", "generation, facts edited together", _accepted("companion")),
    _free("stop_completion", "stops by itself, completion", lambda o, _: float(o.completion.is_stopped)),
    _free("stop_chat", "stops by itself, chat", lambda o, _: float(o.chat.is_stopped)),
    _shares("portability_hop", "portability, several hops", _accepted("hop")),
    _free("portability_any_hop", "portability, one of the questions", _any_hop),
    _shares("inverse", "inverse", _accepted("inverse")),
    _shares("kept_same_subject", "same subject, kept", _beside("same_subject", is_kept)),
    _shares("kept_same_subject_chat", "same subject, kept, chat", _beside("same_subject", is_kept, is_chat=True)),
    _shares(
        "kept_same_subject_completion", "same subject, kept, completion", _beside("same_subject", is_kept, is_chat=False)
    ),
    _shares("leaked_same_subject", "same subject, leaked", _beside("same_subject", is_leaked)),
    _shares("unchanged_same_subject", "same subject, unchanged", _beside("same_subject", is_same)),
    _shares("true_same_subject", "same subject, true", _accepted("same_subject")),
    _shares("kept_locality", "other questions, kept", _beside("locality", is_kept)),
    _forced("affirms_new", "affirms the new", _accepted("truth_new")),
    _forced("denies_old", "denies the old", _accepted("truth_old")),
    _shares("negation", "negation", lambda o, _: _mean([not a.names_new for a in _of_kind(o, "denial")])),
    _free("fluency", "fluency (GE)", lambda o, _: fluency(_of_kind(o, "essence")), is_binary=False, unit=""),
    _free(
        "fluency_length",
        "length of the texts for GE",
        lambda o, _: _mean([float(a.tokens) for a in _of_kind(o, "essence")]),
        is_binary=False,
        scale=1.0,
        unit=" tokens",
    ),
)
