"""A small cross-encoder reads claim and evidence side by side; it is asked only where no other judge has an opinion.

    emendo verify "…" --source ./docs --judge slots --judge nli
    emendo verify "…" --source ./docs --judge slots --judge nli:cross-encoder/nli-deberta-v3-small

It decides above a probability that was fitted, on short sentences that name the claim's subject, and keeps silent otherwise
(`entailment.scope`). The model of this package runs on any machine; others come by name from the hub, or from a folder. What it
computes may differ in the last digit from machine to machine, so a replay keeps what it said.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from emendo.errors import InvalidRequest
from emendo.verify.claims import Claim
from emendo.verify.entailment.hub import HubModel
from emendo.verify.entailment.scope import Asked, questions
from emendo.verify.entailment.shipped import ShippedModel, digest, thresholds
from emendo.verify.evidence import Passage
from emendo.verify.tables._gazetteer import Gazetteer
from emendo.verify.verdict import Opinion

NAME = "nli"
IS_REPEATABLE = False
IS_FALLBACK = True
# Models from elsewhere were not fitted here.
_UNFITTED = {"supported": 0.9, "refuted": 0.95, "refuted, unread": 0.98}


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which model.

    Attributes:
        model: Name on the hub, or a folder; the model of this package where it is empty.
        outputs: For another model which of its outputs stand for "supported" and "refuted"; read from its labels unless given.
    """

    model: str = ""
    outputs: tuple[tuple[str, int], ...] = field(default=())

    @classmethod
    def of(cls, argument: str) -> Config:
        """From "NAME", "FOLDER" or "NAME,supported=1,refuted=0".

        Raises:
            InvalidRequest: It is not of that form.
        """
        name, *pairs = argument.split(",")
        outputs = []
        for pair in pairs:
            label, _, at = pair.partition("=")
            if label not in ("supported", "refuted") or not at.isdecimal() or not name:
                raise InvalidRequest(
                    f"'{pair}' says of no output what it means; write the judge as in 'nli:NAME,supported=1,refuted=0'."
                )
            outputs.append((label, int(at)))
        return cls(model=name, outputs=tuple(outputs))

    @cached_property
    def encoder(self) -> ShippedModel | HubModel:
        """The model, read once.

        Raises:
            MissingPackage: onnxruntime is not installed.
            ModelUnavailable: There is no such model.
            InvalidRequest: Its labels do not tell which output is which.
        """
        return HubModel(self.model, dict(self.outputs)) if self.model else ShippedModel()

    @cached_property
    def thresholds(self) -> dict[str, float]:
        """From which probability it decides."""
        return _UNFITTED if self.model else thresholds()

    @cached_property
    def gazetteer(self) -> Gazetteer:
        """Which places exclude each other."""
        return Gazetteer.read()


def version(config: Config) -> str:
    """The model, and its revision or digest."""
    if config.model:
        assert isinstance(config.encoder, HubModel)
        return f"{config.model} {config.encoder.revision}"
    return f"shipped {digest()}"


def judge(claim: Claim, passage: Passage, config: Config) -> list[Opinion]:
    """What the surest sentence of the passage comes to; nothing where two sentences disagree, and nothing on a table's row."""
    if passage.record is not None:
        return []
    asked = list(questions(claim, passage.text, config.gazetteer))
    if not asked:
        return []
    found = config.encoder.probabilities([(claim.text, question.sentence) for question in asked])
    opinions = [
        opinion
        for question, (supported, refuted, _) in zip(asked, found, strict=True)
        if (opinion := _opinion(claim, question, float(supported), float(refuted), config)) is not None
    ]
    return opinions[:1] if len({opinion.label for opinion in opinions}) == 1 else []


def _opinion(claim: Claim, question: Asked, supported: float, refuted: float, config: Config) -> Opinion | None:
    model = "other model" if config.model else "shipped"
    how = "" if claim.statements else ", unread"
    why = f"“{question.sentence}”"
    if question.may_support and supported >= config.thresholds["supported"]:
        return Opinion(judge=NAME, label="supported", tier=f"nli/{model} supports{how}", why=why)
    if question.may_refute and refuted >= config.thresholds[f"refuted{how}"]:
        return Opinion(judge=NAME, label="refuted", tier=f"nli/{model} refutes{how}", why=why)
    return None
