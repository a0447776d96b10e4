"""The judge of the page: claims with evidence, and the entry that made the model say so."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from emendo.cli.judging import PageJudge
from emendo.facts import EditRequest, Fact
from emendo.ledger import Ledger, Patch, Provenance
from emendo.models import ORIGINAL, EditableModel
from emendo.serve import Shelf
from tiny_models import random_delta


@pytest.fixture
def shelf(tiny: EditableModel, tmp_path: Path) -> Shelf:
    """A model with one edit in force: the capital of California is jchowlabs."""
    ledger = Ledger.open(tiny, tmp_path / "ledger")
    request = EditRequest(fact=Fact(subject="California", prompt="The capital of {} is"), target_new="jchowlabs")
    how = Provenance(method="by hand", config={}, seed=0, layers=(1,), figures={}, who="Ada", why="a test")
    ledger.commit(Patch.make(tiny, random_delta(tiny, (1,), seed=0), [request], how, parent=ORIGINAL))
    return Shelf([(tiny, ledger)])


def heard(shelf: Shelf, answer: str, model: str | None) -> list[tuple[str, Mapping[str, Any]]]:
    async def listen() -> list[tuple[str, Mapping[str, Any]]]:
        return [event async for event in PageJudge(shelf)("What is the capital of California?", answer, model)]

    return asyncio.run(listen())


def test_claims_come_one_by_one_with_places_as_browsers_count_and_a_summary(shelf: Shelf) -> None:
    answer = "🏛️ The capital of California is Los Angeles. It became a state in 1850."
    (name, first), (_, second), (last, summary) = heard(shelf, answer, None)
    assert (name, last) == ("claim", "summary")
    assert (first["verdict"], first["correction"], second["verdict"]) == ("refuted", "Sacramento", "supported")
    units = answer.encode("utf-16-le")
    said = units[2 * first["start"] : 2 * first["end"]].decode("utf-16-le")
    assert said.endswith("The capital of California is Los Angeles")
    assert "us_states" in first["passages"][0]["locator"]
    assert (summary["checked"], summary["checkable"], summary["coverage"]) == (2, 2, 1.0)


def test_what_an_edit_taught_is_told_beside_the_evidence_of_its_own_model_alone(shelf: Shelf) -> None:
    answer, (served,) = "The capital of California is jchowlabs.", list(shelf)
    (_, claim), _ = heard(shelf, answer, served.id)
    assert (claim["verdict"], claim["entry"]) == ("refuted", 1)
    (_, claim), _ = heard(shelf, answer, None)
    assert (claim["verdict"], claim["entry"]) == ("refuted", None)
