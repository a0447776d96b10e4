"""What may change is held against evidence of its time, and a verdict says as of when."""

from __future__ import annotations

import pytest

from emendo.verify import Judge, Passage, Report, Source, Verdict, extract_claims, verify_answer

EVE, BOB = "The CEO of Acme is Eve Hill.", "The CEO of Acme is Bob Stone."


def says(*texts: tuple[str, str | None]) -> Source:
    """A source that finds some texts, each of an origin of its own and with a date."""
    passages = [
        Passage(source="made", origin=str(at), locator=str(at), text=text, date=date)
        for at, (text, date) in enumerate(texts)
    ]
    return Source(name="made", search=lambda claim, limit: passages, version=lambda: "1")


def verdict(judges: list[Judge], answer: str, *texts: tuple[str, str | None]) -> Verdict:
    """The verdict on the first claim of an answer."""
    return verify_answer("", answer, sources=[says(*texts)], judges=judges).verdicts[0]


@pytest.mark.parametrize(
    ("evidence", "label", "as_of"),
    [
        ([(BOB, "2019-03-01"), (EVE, "2026-05-06")], "supported", "2026-05-06"),
        ([(EVE, "2019-03-01"), (BOB, "2026-05-06")], "not_enough_evidence", None),
        ([(BOB, None), (EVE, "2026-05-06")], "not_enough_evidence", None),
        ([(BOB, "2026-05-06"), (EVE, "2026-05-06")], "not_enough_evidence", None),
        ([(f"As of 2019, the{BOB[3:]}", "2026-07-01"), (EVE, "2026-05-06")], "supported", "2026-05-06"),
        ([(BOB, "2019-03-01")], "refuted", "2019-03-01"),
        ([(EVE, None)], "supported", None),
    ],
)
def test_older_evidence_does_not_refute_what_newer_supports(
    evidence: list[tuple[str, str | None]], label: str, as_of: str | None, judges: list[Judge]
) -> None:
    found = verdict(judges, EVE, *evidence)
    assert (found.label, found.as_of) == (label, as_of)
    assert len(found.passages) == len(evidence)


@pytest.mark.parametrize(
    ("answer", "evidence", "label"),
    [
        ("As of 2020, the CEO of Acme is Bob Stone.", (EVE, "2026-05-06"), "not_enough_evidence"),
        ("The CEO of Acme is Bob Stone as of May 2020.", (EVE, "2026-05-06"), "not_enough_evidence"),
        ("As of 2020, the CEO of Acme is Bob Stone.", (EVE, "2020-05-06"), "refuted"),
        (
            "As of 2020, the CEO of Acme is Bob Stone.",
            ("As of 2020, the CEO of Acme is Bob Stone.", "2026-01-01"),
            "supported",
        ),
        ("As of 2020, Marie Curie was born in Rome.", ("Marie Curie was born in Warsaw.", "2026-01-01"), "refuted"),
    ],
)
def test_a_claim_of_some_year_is_decided_by_evidence_of_that_year(
    answer: str, evidence: tuple[str, str], label: str, judges: list[Judge]
) -> None:
    assert verdict(judges, answer, evidence).label == label


def test_what_does_not_change_is_disputed_whatever_the_dates(judges: list[Judge]) -> None:
    texts = [("Marie Curie was born in Rome.", "1990-01-01"), ("Marie Curie was born in Warsaw.", "2026-01-01")]
    found = verdict(judges, "Marie Curie was born in Warsaw.", *texts)
    assert (found.label, found.as_of) == ("not_enough_evidence", None)


def test_the_year_of_a_claim_is_that_of_its_sentence_and_survives_a_report(judges: list[Judge]) -> None:
    answer = "As of 2020, the CEO of Acme is Bob Stone. The CEO of Beta is Eve Hill."
    assert [claim.as_of for claim in extract_claims("", answer)] == ["2020", None]
    report = verify_answer("", answer, sources=[says((BOB, "2020-02-02"))], judges=judges)
    again = Report.read(report.canonical())
    assert again == report
    assert (again.verdicts[0].label, again.verdicts[0].as_of) == ("supported", "2020-02-02")
