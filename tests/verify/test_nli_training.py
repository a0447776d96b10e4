"""The pairs that the judge `nli` is trained on: what is held out stays out, and labels say what a careful reader would."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from nli_training.facts import Facts
from nli_training.pairs import NOT_ENOUGH, REFUTED, SUPPORTED, Generator, Pair
from nli_training.quantities import is_same_number, rounded
from nli_training.stances import closest
from nli_training.wordings import HELD_OUT, WORDED, negated

KNOWN = ("Aba", "Bolo", "Cuma", "Deri", "Enno", "Fiti", "Gara", "Hodo")


def some_facts() -> Facts:
    """Eight subjects of each kind, each with one value of each relation."""
    facts = Facts()
    for name, worded in WORDED.items():
        values = [str(1800 + at) if name in ("atomic_number", "statehood") else f"V{at}{name}" for at in range(8)]
        facts.pools[name] = values
        for at, subject in enumerate(KNOWN):
            facts.values[name][f"{subject} {worded.kind}"] = {values[at]}
            facts.values["capital"][f"{subject} country"] = {f"V{at}capital"}
    return facts


def drawn(seed: int = 0, n: int = 2000, *, held_out: bool = False) -> list[Pair]:
    """Pairs about the first six subjects."""
    generator = Generator(some_facts(), lambda subject: subject.split()[0] in KNOWN[:6], seed, held_out=held_out)
    return list(islice(generator.pairs(), n))


def test_the_same_seed_draws_the_same_pairs() -> None:
    assert drawn(1, 200) == drawn(1, 200) != drawn(2, 200)


@pytest.mark.parametrize("held_out", [False, True])
def test_what_is_held_out_stays_out(held_out: bool) -> None:
    pairs = drawn(held_out=held_out)
    assert {pair.relation in HELD_OUT for pair in pairs} == {held_out}
    assert not any(
        other in pair.claim + pair.evidence for pair in pairs for other in KNOWN[6:] if "country" not in pair.kind
    )
    assert {pair.label for pair in pairs} == {SUPPORTED, REFUTED, NOT_ENOUGH}


def test_labels_say_what_the_way_of_making_means() -> None:
    labels: dict[str, set[str]] = {}
    for pair in drawn(n=4000):
        labels.setdefault(pair.kind, set()).add(pair.label)
    assert labels["same value"] == {SUPPORTED}
    assert labels["other value"] == {REFUTED}
    for kind in ("another of several", "other subject", "other relation", "hedge", "negated evidence, other value"):
        assert labels[kind] == {NOT_ENOUGH}
    assert labels["negated claim"] == labels["negated evidence"] == {REFUTED}


def test_a_relation_with_several_values_is_refuted_by_a_denial_alone() -> None:
    several = [pair for pair in drawn(n=4000) if not WORDED[pair.relation].is_functional and pair.label == REFUTED]
    assert several
    assert all(pair.kind.startswith("negated") for pair in several)


@pytest.mark.parametrize(
    ("sentence", "denied"),
    [
        ("The capital of A is B", "The capital of A is not B"),
        ("A plays B professionally", "A does not play B professionally"),
        ("A died in B", "A did not die in B"),
        ("People in A speak B", "People in A do not speak B"),
        ("A, B", None),
    ],
)
def test_a_sentence_is_denied(sentence: str, denied: str | None) -> None:
    assert negated(sentence) == denied


def test_every_wording_holds_subject_and_value() -> None:
    assert all(form.count("{s}") == form.count("{v}") == 1 for worded in WORDED.values() for form in worded.forms)
    assert all(len(worded.forms) > 1 for worded in WORDED.values())


def test_numbers_that_are_near_are_no_swap() -> None:
    assert is_same_number("5,000,000", "5.1 million")
    assert not is_same_number("5,000,000", "9 million")
    assert not is_same_number("1850", "1851")
    assert rounded(1234567) == "about 1,200,000"


def test_a_passage_is_cut_down_to_what_shares_most_with_the_claim() -> None:
    passage = "Bread is old. The Nile is a long river in Africa. It has two sources. Nothing else."
    assert closest("The Nile is a river in Africa.", passage) == "The Nile is a long river in Africa. It has two sources."
