"""What an edit cannot do, or all edits together cost, is said where it is so, and else not."""

from __future__ import annotations

from pathlib import Path

import pytest

from emendo.cli.limits import warn_of_limits
from emendo.edit import Edit
from emendo.facts import EditRequest, Fact
from emendo.models import EditableModel, WeightDelta, load_model


@pytest.fixture
def model(folder: Path) -> EditableModel:
    """A tiny model."""
    return load_model(str(folder))


def told(
    capsys: pytest.CaptureFixture[str], model: EditableModel, ratio: float, *facts: Fact, other_texts: int | None = None
) -> str:
    """What is said of an edit of some facts."""
    shut = {} if other_texts is None else {"other_texts": float(other_texts)}
    edit = Edit(
        method="rome",
        config={"first_facts": 10},
        requests=tuple(EditRequest(fact=fact, target_new="Paris") for fact in facts),
        delta=WeightDelta(changes=()),
        seed=0,
        layers=(),
        statistics={},
        figures={"perplexity_ratio_of_all": ratio, **shut},
    )
    warn_of_limits(model, edit)
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(("ratio", "is_said"), [(1.0, False), (1.1, False), (1.43, True), (float("inf"), True)])
def test_edits_that_add_up_are_spoken_of(
    model: EditableModel, capsys: pytest.CaptureFixture[str], ratio: float, is_said: bool
) -> None:
    words = told(capsys, model, ratio, Fact.parse("The capital of {Texas} is"))
    assert (f"unrelated text {ratio:.2f} times" in words) == is_said
    assert ("hidden_unit" in words) == is_said


def test_subjects_at_the_first_token_of_a_text_are_named(model: EditableModel, capsys: pytest.CaptureFixture[str]) -> None:
    inside, *first = Fact.parse("The capital of {Q} is"), Fact.parse("{Q} is in"), Fact.parse("{X} is in")
    assert told(capsys, model, 1.0, inside) == ""
    assert told(capsys, model, 1.0, inside, first[0]).startswith("Text that begins with Q is hardly changed")
    assert "begins with Q or 1 other subject is" in told(capsys, model, 1.0, *first)


@pytest.mark.parametrize(("other_texts", "is_said"), [(None, False), (25, False), (0, True)])
def test_gates_that_open_in_other_texts_are_spoken_of(
    model: EditableModel, capsys: pytest.CaptureFixture[str], other_texts: int | None, is_said: bool
) -> None:
    facts = Fact.parse("The capital of {Texas} is"), Fact.parse("The capital of {Utah} is")
    words = told(capsys, model, 1.0, *facts, other_texts=other_texts)
    assert ("more than 10 facts, so whatever else is asked about Texas or 1 other subject may" in words) == is_said
