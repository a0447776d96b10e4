"""An answer that grows is judged sentence by sentence, and comes to the report that the whole answer has."""

from __future__ import annotations

import pytest

from emendo.verify import Claim, Judge, Passage, Source, verify_answer
from emendo.verify.growing import GrowingAnswer

ANSWERS = [
    "The capital of California is Los Angeles. It became a state in 1850. Dr. Smith lives in St. Louis, I think.",
    "# States\n\n- The capital of California is Sacramento.\n- The capital of Texas is Dallas.\n\nThat is all.",
    "| Country | Capital |\n|---|---|\n| France | Paris |\n| Italy | Milan |\n\nThe capital of Spain is Madrid.",
    "```\nx = 1. The capital of France is Rome.\n```\nThe chemical symbol of gold is Au. 🎉 Done!",
]


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("step", [1, 5])
def test_what_is_told_on_the_way_is_what_the_whole_comes_to(
    answer: str, step: int, facts: Source, judges: list[Judge]
) -> None:
    growing = GrowingAnswer("", sources=[facts], judges=judges)
    told = [verdict for at in range(0, len(answer), step) for verdict in growing.take(answer[:at])]
    report, rest = growing.finish(answer)
    assert report.canonical() == verify_answer("", answer, sources=[facts], judges=judges).canonical()
    assert [*told, *rest] == list(report.verdicts)
    assert told


def test_nothing_is_judged_twice_and_nothing_before_it_has_ended(judges: list[Judge]) -> None:
    searched: list[str] = []

    def search(claim: Claim, limit: int) -> list[Passage]:
        searched.append(claim.quote)
        return []

    source = Source(name="counting", search=search, version=lambda: "1")
    growing = GrowingAnswer("", sources=[source], judges=judges)
    for text in (
        "The capital of Missouri is St.",
        "The capital of Missouri is St. ",
        "The capital of Missouri is St. Louis. It",
    ):
        assert growing.take(text) == []
    whole = "The capital of Missouri is St. Louis. It became a state in 1821."
    assert len(growing.take(f"{whole} ")) == 1
    growing.finish(whole)
    assert searched == ["The capital of Missouri is St. Louis", "It became a state in 1821"]


def test_what_was_judged_and_never_told_is_told_in_the_end(judges: list[Judge]) -> None:
    def version() -> str:
        return "1"

    def search(claim: Claim, limit: int) -> list[Passage]:
        if "Texas" in claim.quote:
            raise KeyboardInterrupt
        return []

    growing = GrowingAnswer("", sources=[Source(name="s", search=search, version=version)], judges=judges)
    text = "The capital of Ohio is Columbus. The capital of Texas is Austin. And so on and on. "
    with pytest.raises(KeyboardInterrupt):
        growing.take(text)
    _, new = growing.finish(text[: text.index("The capital of Texas")])
    assert [verdict.claim.quote for verdict in new] == ["The capital of Ohio is Columbus"]
