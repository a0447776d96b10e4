"""The history: what is in force is what replaying says, nothing is lost, nothing is changed unnoticed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from handmade import make_patch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from emendo.errors import CorruptPatch, InvalidRequest, LedgerError, PatchMismatch, UnknownName
from emendo.ledger import Entry, Ledger, Patch
from emendo.ledger.entry import replay, revision_of, without
from emendo.models import EditableModel, Revision, TokenBatch, at_revisions, encode
from tiny_models import build_tiny


@pytest.fixture
def ledger(tiny: EditableModel, tmp_path: Path) -> Ledger:
    return Ledger.open(tiny, tmp_path / "ledger")


@pytest.fixture(scope="module")
def patches(tiny: EditableModel) -> list[Patch]:
    return [make_patch(tiny, seed) for seed in range(4)]


def edits(numbers: list[int], patches: list[Patch]) -> str:
    return Revision(deltas=tuple(patches[number].delta for number in numbers)).id


def test_an_entry_says_who_when_why_what_and_how(ledger: Ledger, patches: list[Patch]) -> None:
    entry = ledger.commit(patches[0])
    made = patches[0].provenance
    assert (entry.number, entry.kind, entry.patch) == (1, "edit", patches[0].id)
    assert (entry.who, entry.when, entry.why) == (made.who, made.when, made.why)
    assert (entry.method, entry.seed, entry.layers, entry.config) == ("by hand", 0, (1,), {"strength": 0.3, "layers": [1]})
    assert entry.requests == patches[0].requests
    assert entry.figures == {"relative_norm": 0.25, "loss": None}
    assert entry.digests["delta"] == patches[0].delta.digest
    assert entry.revision == edits([0], patches) == ledger.revision().id
    assert ledger.entries() == [entry]


def test_a_ledger_read_again_runs_the_same_revision(ledger: Ledger, patches: list[Patch], tiny: EditableModel) -> None:
    for patch in patches[:2]:
        ledger.commit(patch)
    again = Ledger.open(tiny, ledger.folder).revision()
    assert again.id == edits([0, 1], patches)
    assert [delta.digest for delta in again.deltas] == [patch.delta.digest for patch in patches[:2]]


def test_reverting_gives_the_original_back_bit_for_bit(ledger: Ledger, patches: list[Patch], tiny: EditableModel) -> None:
    batch = TokenBatch.align(tiny, [encode(tiny, "The capital of California is")]).inputs()
    with torch.no_grad():
        before = tiny.network(**batch).logits
        ledger.commit(patches[0])
        with at_revisions(tiny, [ledger.revision()]):
            assert not torch.equal(tiny.network(**batch).logits, before)
        ledger.revert([1], "Ada", "wrong")
        with at_revisions(tiny, [ledger.revision()]):
            assert torch.equal(tiny.network(**batch).logits, before)


def test_every_point_of_the_history_can_be_named(ledger: Ledger, patches: list[Patch]) -> None:
    for patch in patches[:3]:
        ledger.commit(patch)
    ledger.revert([2], "Ada", "")
    assert ledger.revision().id == edits([0, 2], patches)
    assert ledger.revision(2).id == ledger.revision("2").id == edits([0, 1], patches)
    assert ledger.revision("original").id == "original"
    assert ledger.revision(edits([0, 1, 2], patches)[:6]).id == edits([0, 1, 2], patches)
    assert [entry.number for entry in ledger.at().in_force] == [1, 3]
    assert [patch.id for patch in ledger.patches(1)] == [patches[0].id]


@pytest.mark.parametrize("where", ["0", "99", "-1", "beef0", "abc", "", "orig", "1.0", "²"])
def test_a_point_that_is_not_there_is_refused(ledger: Ledger, patches: list[Patch], where: str) -> None:
    ledger.commit(patches[0])
    with pytest.raises(UnknownName, match="no revision named"):
        ledger.at(where)


def test_what_cannot_be_taken_back_is_refused(ledger: Ledger, patches: list[Patch]) -> None:
    with pytest.raises(InvalidRequest, match="has no entries yet"):
        ledger.revert([1], "Ada", "")
    with pytest.raises(InvalidRequest, match="No edit of tiny-llama is in force"):
        ledger.revert_all("Ada", "")
    ledger.commit(patches[0])
    ledger.commit(patches[1])
    ledger.revert([1], "Ada", "")
    for numbers, message in (
        ([9], "no entry 9"),
        ([1], "taken back by entry 3"),
        ([3], "is itself a revert"),
        ([2, 0], "no entry 0"),
    ):
        with pytest.raises(InvalidRequest, match=message):
            ledger.revert(numbers, "Ada", "")
    assert len(ledger.entries()) == 3
    assert ledger.revert_all("Ada", "").reverts == (2,)


def test_an_edit_made_again_after_a_revert_is_in_force_again(ledger: Ledger, patches: list[Patch]) -> None:
    ledger.commit(patches[0])
    with pytest.raises(InvalidRequest, match="in force already, as entry 1"):
        ledger.commit(patches[0])
    ledger.revert([1], "Ada", "")
    assert ledger.commit(patches[0]).number == 3
    assert ledger.revision().id == edits([0], patches)


def test_a_patch_and_a_ledger_of_another_model_are_refused(
    ledger: Ledger, patches: list[Patch], tiny_tokenizer: PreTrainedTokenizerFast
) -> None:
    other = build_tiny("llama", tiny_tokenizer, seed=1)
    ledger.commit(patches[0])
    with pytest.raises(PatchMismatch, match="was made for 'tiny-llama'"):
        ledger.commit(make_patch(other))
    with pytest.raises(PatchMismatch, match="belongs to 'tiny-llama'"):
        Ledger.open(other, ledger.folder)


def test_a_ledger_lies_under_the_digest_unless_a_folder_is_given(tiny: EditableModel, tmp_path: Path) -> None:
    ledger = Ledger.open(tiny, home=tmp_path)
    assert ledger.folder == tmp_path / "ledgers" / tiny.digest[:16]
    assert (ledger.entries(), ledger.revision().id) == ([], "original")
    assert not ledger.folder.exists()


def test_a_folder_of_something_else_is_refused(tiny: EditableModel, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    for folder in (tmp_path, tmp_path / "thesis.tex"):
        with pytest.raises(LedgerError, match="holds other files"):
            Ledger.open(tiny, folder)
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(LedgerError, match="which model"):
        Ledger.open(tiny, tmp_path)


def _line(number: int, change: Callable[[dict], object]) -> Callable[[list[str]], list[str]]:
    def damage(lines: list[str]) -> list[str]:
        row = json.loads(lines[number])
        change(row)
        return [*lines[:number], json.dumps(row, sort_keys=True, separators=(",", ":")), *lines[number + 1 :]]

    return damage


@pytest.mark.parametrize(
    "damage",
    {
        "a line cut out": lambda lines: [lines[0], lines[2]],
        "the first line cut out": lambda lines: lines[1:],
        "lines exchanged": lambda lines: [lines[1], lines[0], lines[2]],
        "a line twice": lambda lines: [lines[0], *lines],
        "a line torn": lambda lines: [lines[0][:40], *lines[1:]],
        "an empty line": lambda lines: [lines[0], "", *lines[1:]],
        "a number instead": lambda lines: [*lines[:2], "7"],
        "another person": _line(1, lambda row: row.update(who="Eve")),
        "another request": _line(0, lambda row: row["requests"][0].update(target_new="Austin")),
        "another number": _line(2, lambda row: row.update(number=7)),
        "another revision": _line(2, lambda row: row.update(revision="0" * 12)),
        "another delta": _line(2, lambda row: row["digests"].update(delta="0" * 64)),
        "a kind of the future": _line(2, lambda row: row.update(kind="rebase")),
        "no requests": _line(2, lambda row: row.pop("requests")),
    }.items(),
    ids=lambda item: item[0],
)
def test_a_changed_history_is_noticed(
    ledger: Ledger, patches: list[Patch], damage: tuple[str, Callable[[list[str]], list[str]]]
) -> None:
    for patch in patches[:3]:
        ledger.commit(patch)
    path = ledger.folder / "ledger.jsonl"
    path.write_text("\n".join(damage[1](path.read_text().splitlines())) + "\n")
    with pytest.raises(LedgerError) as caught:
        ledger.at()
    assert "\n" not in str(caught.value)
    with pytest.raises(LedgerError):
        ledger.commit(patches[3])


@pytest.mark.parametrize("torn", [b"{", b'{"kind":"edit","number":2', b"\x00" * 300])
def test_a_torn_last_line_is_passed_over_and_cut_off(ledger: Ledger, patches: list[Patch], torn: bytes) -> None:
    ledger.commit(patches[0])
    path = ledger.folder / "ledger.jsonl"
    with path.open("ab") as file:
        file.write(torn)
    assert ledger.revision().id == edits([0], patches)
    ledger.commit(patches[1])
    assert [json.loads(line)["number"] for line in path.read_bytes().splitlines()] == [1, 2]
    assert ledger.revision().id == edits([0, 1], patches)


def test_a_changed_patch_is_noticed(ledger: Ledger, patches: list[Patch]) -> None:
    ledger.commit(patches[0])
    folder = ledger.patch_folder(patches[0].id)
    document = json.loads((folder / "edits.json").read_text())
    document["who"] = "Eve"
    (folder / "edits.json").write_text(json.dumps(document))
    with pytest.raises(CorruptPatch, match="not those that entry 1 recorded"):
        ledger.revision()


def test_a_patch_without_an_entry_has_no_effect_and_can_be_committed_again(ledger: Ledger, patches: list[Patch]) -> None:
    ledger.commit(patches[0])
    orphan = ledger.patch_folder(patches[1].id)
    orphan.mkdir()
    (orphan / "edits.json").write_text("half a fi")
    unfinished = ledger.folder / "patches" / ".incomplete-x"
    unfinished.mkdir()
    assert ledger.uncommitted() == [unfinished, orphan]
    assert ledger.revision().id == edits([0], patches)
    ledger.commit(patches[1])
    assert ledger.uncommitted() == []
    assert ledger.revision().id == edits([0, 1], patches)


def _entry(number: int, delta: str) -> Entry:
    return Entry(number=number, kind="edit", when="", who="", why="", revision="", digests={"delta": delta})


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.lists(st.integers(1, 12), max_size=4)), max_size=12))
def test_replaying_is_keeping_the_edits_that_no_revert_names(steps: list[list[int] | None]) -> None:
    """None is an edit, a list is a revert of those of its numbers that are in force."""
    entries: list[Entry] = []
    in_force: list[int] = []
    for number, step in enumerate(steps, start=1):
        if step is None:
            in_force.append(number)
            kept = tuple(_entry(n, str(n)) for n in in_force)
            entry = Entry(
                number=number,
                kind="edit",
                when="",
                who="",
                why="",
                revision=revision_of(kept),
                digests={"delta": str(number)},
            )
        else:
            gone = tuple(n for n in in_force if n in step)
            in_force = [n for n in in_force if n not in gone]
            kept = tuple(_entry(n, str(n)) for n in in_force)
            entry = Entry(number=number, kind="revert", when="", who="", why="", revision=revision_of(kept), reverts=gone)
        entries.append(entry)
        newest = replay(entries)[-1]
        assert [e.number for e in newest.in_force] == in_force
        assert newest.revision == entry.revision
        assert (newest.revision == "original") == (not in_force)
    assert [state.number for state in replay(entries)] == list(range(len(entries) + 1))


@given(st.lists(st.integers(1, 5)))
def test_taking_back_is_the_same_in_any_order_and_any_number_of_times(numbers: list[int]) -> None:
    entries = [_entry(number, str(number)) for number in range(1, 6)]
    once = without(entries, numbers)
    step_by_step = tuple(entries)
    for number in [*numbers, *reversed(numbers)]:
        step_by_step = without(step_by_step, [number])
    assert once == step_by_step
