"""The report on an answer: the verdicts, what they cover, and digests by which it can be judged again.

    coverage = checked / checkable          checked: supported or refuted; checkable: all but `not_checkable`

An answer without checkable claims has no coverage, rather than a full one. The canonical form is JSON with sorted keys and
without white space; the report's id is the beginning of its SHA-256.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from emendo.errors import CorruptReport
from emendo.verify.claims import Claim
from emendo.verify.evidence import Passage, Record, Value
from emendo.verify.statements import Statement
from emendo.verify.verdict import LABELS, Correction, Failure, Opinion, Verdict

FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Report:
    """The verdicts on an answer.

    Attributes:
        question: What was asked; empty where nobody says.
        answer: The answer as it was written.
        verdicts: One for each claim, in the order in which they stand.
        versions: Of this package, the sources and the judges, by name.
    """

    question: str
    answer: str
    verdicts: tuple[Verdict, ...]
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """How many claims have each verdict."""
        labels = [verdict.label for verdict in self.verdicts]
        return {label: labels.count(label) for label in LABELS}

    @property
    def checkable(self) -> int:
        """Claims that say something which evidence could bear out."""
        return len(self.verdicts) - self.counts["not_checkable"]

    @property
    def checked(self) -> int:
        """Claims that were decided."""
        return self.counts["supported"] + self.counts["refuted"]

    @property
    def coverage(self) -> float | None:
        """Decided claims among the checkable ones; None where there is none."""
        return self.checked / self.checkable if self.checkable else None

    @property
    def refuted(self) -> tuple[Verdict, ...]:
        """The verdicts that refute."""
        return tuple(verdict for verdict in self.verdicts if verdict.label == "refuted")

    @property
    def id(self) -> str:
        """The beginning of the digest of everything that is in the report."""
        return _digest(self.canonical())[:16]

    def describe(self) -> dict[str, Any]:
        """The report as JSON values."""
        evidence = [passage.snapshot for verdict in self.verdicts for passage in verdict.passages]
        return {
            "format": FORMAT,
            "question": self.question,
            "answer": self.answer,
            "digests": {
                "question": _digest(self.question),
                "answer": _digest(self.answer),
                "evidence": _digest("".join(evidence)),
            },
            "versions": dict(self.versions),
            "coverage": {"checkable": self.checkable, "checked": self.checked, "share": self.coverage},
            "counts": self.counts,
            "claims": [describe_verdict(verdict, self.answer) for verdict in self.verdicts],
        }

    def canonical(self) -> str:
        """The one way to write the report down."""
        return json.dumps(self.describe(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def read(cls, text: str) -> Report:
        """The report that a text holds.

        Raises:
            CorruptReport: The text is no report, or its answer or evidence is not what its digests say.
        """
        try:
            told = json.loads(text)
            report = cls(
                question=str(told["question"]),
                answer=str(told["answer"]),
                verdicts=tuple(_verdict(row) for row in told["claims"]),
                versions=dict(told["versions"]),
            )
            kept = dict(told["digests"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CorruptReport(
                f"This is no report of a verification, or a part of it is missing ({error!r}); "
                "give a file that 'emendo verify --json' wrote."
            ) from error
        made = report.describe()["digests"]
        changed = [name for name in made if made[name] != kept.get(name)]
        if changed:
            raise CorruptReport(
                f"The {changed[0]} in the report is not what its digest says: it was changed after it was judged; "
                "verify the answer afresh."
            )
        return report


def describe_verdict(verdict: Verdict, answer: str) -> dict[str, Any]:
    """A verdict as JSON values; spans also in UTF-16 units, as browsers count."""
    row = asdict(verdict)
    row["claim"]["span_utf16"] = list(_utf16(answer, verdict.claim.span))
    for passage, found in zip(row["passages"], verdict.passages, strict=True):
        passage["snapshot"] = found.snapshot
    return row


def _verdict(row: Mapping[str, Any]) -> Verdict:
    claim = row["claim"]
    correction = row["correction"]
    return Verdict(
        claim=Claim(
            span=_pair(claim["span"]),
            quote=claim["quote"],
            text=claim["text"],
            statements=tuple(Statement(**statement) for statement in claim["statements"]),
            values=tuple(None if span is None else _pair(span) for span in claim["values"]),
            reason=claim["reason"],
            as_of=claim.get("as_of"),
        ),
        label=row["label"],
        why=row["why"],
        confidence=row["confidence"],
        correction=None
        if correction is None
        else Correction(text=correction["text"], span=None if correction["span"] is None else _pair(correction["span"])),
        passages=tuple(_passage(passage) for passage in row["passages"]),
        opinions=tuple(Opinion(**opinion) for opinion in row["opinions"]),
        failures=tuple(Failure(**failure) for failure in row["failures"]),
        as_of=row.get("as_of"),
        entries=tuple(row["entries"]),
    )


def _passage(row: Mapping[str, Any]) -> Passage:
    record = row["record"]
    if record is not None:
        values = tuple(Value(name=v["name"], kind=v["kind"], also=tuple(v["also"])) for v in record["values"])
        kinds = tuple((spelling, kind) for spelling, kind in record["asked_kinds"])
        record = Record(**{**record, "values": values, "asked_kinds": kinds, "partly": tuple(record["partly"])})
    return Passage(**{**{name: value for name, value in row.items() if name != "snapshot"}, "record": record})


def _pair(span: list[int]) -> tuple[int, int]:
    start, end = span
    return int(start), int(end)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _utf16(text: str, span: tuple[int, int]) -> tuple[int, int]:
    start = len(text[: span[0]].encode("utf-16-le", "surrogatepass")) // 2
    return start, start + len(text[span[0] : span[1]].encode("utf-16-le", "surrogatepass")) // 2
