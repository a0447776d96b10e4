"""`emendo apply`: exactly the facts of a file are in force, however often, in whatever order, and whatever kills the run."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from emendo.cli.facts_file import plan
from emendo.cli.main import main
from emendo.edit import kept_values, keys_values
from emendo.errors import InvalidRequest
from emendo.facts import EditRequest, Fact
from emendo.ledger import Ledger

Run = Callable[..., tuple[int, Any, str]]

FACTS = {"The capital of {California}": "Berlin", "The capital of {Texas}": "Paris", "The mayor of {Nevada}": "Said"}
WRITERS: dict[str, Callable[[list[dict[str, str]]], str]] = {
    ".yaml": yaml.safe_dump,
    ".json": json.dumps,
    ".jsonl": lambda rows: "\n".join(map(json.dumps, rows)),
    ".csv": lambda rows: "\n".join(["fact,target", *(f"{row['fact']},{row['target']}" for row in rows)]),
}
QUICK = (
    *("--method", "two_layer", "--layer", "3", "--set", "formats=completion,", "--set", "steps=4", "--set", "clamp=0.2"),
    *("--set", "peers=2", "--set", "stop=false", "--set", "worst_probability=0.99"),
)


@pytest.fixture(autouse=True)
def _float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)


@pytest.fixture
def ledger(tmp_path: Path) -> Callable[[], Ledger]:
    """Reads the ledger anew."""
    return lambda: Ledger.existing(tmp_path / "ledger") or pytest.fail("there is no ledger")


@pytest.fixture
def apply(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Writes facts into a file and applies it: exit code, what was printed as JSON, standard error."""
    monkeypatch.setenv("EMENDO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EMENDO_LEDGER", str(tmp_path / "ledger"))
    for name in ("HF_HUB_DISABLE_TELEMETRY", "TRANSFORMERS_VERBOSITY", "GOMP_SPINCOUNT"):
        monkeypatch.setenv(name, "")

    def run(
        facts: dict[str, str], *arguments: str, file: str = "facts.yaml", settings: Sequence[str] = QUICK
    ) -> tuple[int, Any, str]:
        rows = [{"fact": fact, "target": target} for fact, target in facts.items()]
        (tmp_path / file).write_text(WRITERS[Path(file).suffix](rows), encoding="utf-8")
        with pytest.raises(SystemExit) as end:
            main(["apply", str(tmp_path / file), *settings, "--model", str(folder), "--no-check", "--json", *arguments])
        captured = capsys.readouterr()
        return int(end.value.code or 0), json.loads(captured.out) if captured.out else None, captured.err

    return run


def test_a_file_applied_twice_or_in_another_order_changes_nothing(apply: Run, ledger: Callable[[], Ledger]) -> None:
    code, first, _ = apply(FACTS)
    assert code == 0
    assert first["changed"]
    assert len(first["added"]) == 3
    (entry,) = ledger().entries()
    assert entry.file == "facts.yaml"
    assert {request.fact.marked: request.target_new for request in entry.requests} == FACTS
    for facts in (FACTS, dict(reversed(FACTS.items()))):
        code, again, _ = apply(facts)
        assert (code, again["changed"], again["added"], again["removed"]) == (0, False, [], [])
    assert ledger().entries() == [entry]


def test_the_order_of_a_file_does_not_matter(apply: Run, ledger: Callable[[], Ledger], tmp_path: Path) -> None:
    apply(FACTS)
    apply(dict(reversed(FACTS.items())), "--ledger", str(tmp_path / "other"))
    other = Ledger.existing(tmp_path / "other")
    assert other is not None
    assert other.at().revision == ledger().at().revision


def test_a_line_that_is_taken_out_is_taken_back_as_if_it_had_never_stood_there(
    apply: Run, ledger: Callable[[], Ledger], tmp_path: Path
) -> None:
    fewer = dict(list(FACTS.items())[:2])
    apply(FACTS)
    code, told, _ = apply(fewer)
    assert (code, told["changed"], len(told["removed"]), told["replaces"]) == (0, True, 1, [1])
    apply(fewer, "--ledger", str(tmp_path / "fresh"))
    fresh = Ledger.existing(tmp_path / "fresh")
    assert fresh is not None
    assert ledger().at().revision == fresh.at().revision
    assert [entry.number for entry in ledger().at().in_force] == [2]
    code, told, _ = apply({})
    assert (code, told["changed"]) == (0, True)
    assert ledger().at().revision == "original"


def test_a_target_that_is_changed_replaces_the_edit_in_one_entry(apply: Run, ledger: Callable[[], Ledger]) -> None:
    apply(FACTS)
    code, told, _ = apply({**FACTS, "The capital of {Texas}": "Said"})
    assert (code, len(told["added"]), told["replaces"]) == (0, 1, [1])
    (in_force,) = ledger().at().in_force
    assert in_force.reverts == (1,)
    assert len(ledger().entries()) == 2


def test_a_run_that_was_killed_goes_on_and_leaves_the_ledger_readable(
    apply: Run, ledger: Callable[[], Ledger], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys_values, "_MOST_UNITS", 1)
    find, searched = kept_values.find_values, []

    def dies_at_the_third(*args: Any, **named: Any) -> Any:
        searched.append(len(args[2]))
        if len(searched) == 3:
            raise KeyboardInterrupt
        return find(*args, **named)

    monkeypatch.setattr(kept_values, "find_values", dies_at_the_third)
    code, told, _ = apply(FACTS)
    assert (code, told) == (130, None)
    assert not (tmp_path / "ledger" / "ledger.jsonl").exists()
    code, told, _ = apply(FACTS)
    assert (code, told["changed"]) == (0, True)
    assert searched == [1, 1, 1, 1], "what was done before the kill was done again"
    monkeypatch.setattr(kept_values, "find_values", find)
    apply(FACTS, "--ledger", str(tmp_path / "whole"))
    whole = Ledger.existing(tmp_path / "whole")
    assert whole is not None
    assert whole.at().revision == ledger().at().revision


def test_a_dry_run_changes_nothing(apply: Run, tmp_path: Path) -> None:
    code, told, _ = apply(FACTS, "--dry-run")
    assert (code, told["changed"], len(told["added"])) == (0, False, 3)
    assert not (tmp_path / "ledger").exists()


def test_rows_that_contradict_each_other_are_refused(apply: Run, tmp_path: Path) -> None:
    code, told, err = apply({**FACTS, "The capital of {texas}": "Berlin"})
    assert (code, told) == (2, None)
    assert "{texas} → Paris and Berlin" in " ".join(err.split()) or "→ Paris and Berlin" in " ".join(err.split())
    assert not (tmp_path / "ledger").exists()


def test_a_target_that_contradicts_an_earlier_edit_is_refused_unless_it_overrules(
    apply: Run, ledger: Callable[[], Ledger]
) -> None:
    apply(FACTS)
    other = {"The capital of {Texas}": "Said"}
    code, _, err = apply(other, file="other.yaml")
    assert code == 2
    assert "entry 1 says Paris" in " ".join(err.split())
    assert len(ledger().entries()) == 1
    code, told, _ = apply(other, "--overrule", file="other.yaml")
    assert (code, told["replaces"]) == (0, [1])
    assert [entry.file for entry in ledger().at().in_force] == ["other.yaml"]


def test_a_fact_that_another_edit_teaches_is_not_taught_again(apply: Run, ledger: Callable[[], Ledger]) -> None:
    apply(FACTS)
    code, told, _ = apply({"The capital of {Texas}": "Paris", "The mayor of {Texas}": "Berlin"}, file="other.yaml")
    assert (code, len(told["added"]), len(told["in_force_elsewhere"])) == (0, 1, 1)
    assert [len(entry.requests) for entry in ledger().at().in_force] == [3, 1]


def test_repeated_rows_count_once() -> None:
    request = EditRequest(fact=Fact.parse("The capital of {Texas} is"), target_new="Paris")
    twin = EditRequest(fact=Fact.parse("the capital  of {TEXAS} is"), target_new="Paris")
    planned = plan("facts.yaml", [request, twin], [])
    assert (planned.requests, planned.duplicates) == ((request,), 1)
    with pytest.raises(InvalidRequest, match="keep one target"):
        plan("facts.yaml", [request, EditRequest(fact=twin.fact, target_new="Berlin")], [])


@pytest.mark.parametrize("suffix", [".yaml", ".json", ".jsonl", ".csv"])
def test_every_kind_of_file_puts_the_same_facts_in_force(
    apply: Run, ledger: Callable[[], Ledger], tmp_path: Path, suffix: str
) -> None:
    apply(FACTS, "--ledger", str(tmp_path / "yaml"))
    of_yaml = Ledger.existing(tmp_path / "yaml")
    assert of_yaml is not None
    code, told, _ = apply(FACTS, file=f"facts{suffix}")
    assert (code, len(told["added"])) == (0, 3)
    assert ledger().at().revision == of_yaml.at().revision


def test_taking_one_fact_of_many_out_searches_for_none_of_the_others_again(
    apply: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = ("--method", "rome", "--layer", "3", "--set", "formats=completion,", "--set", "steps=4", "--set", "clamp=0.2")
    find, searched = kept_values.find_values, []

    def counting(*args: Any, **named: Any) -> Any:
        searched.append(len(args[2]))
        return find(*args, **named)

    monkeypatch.setattr(kept_values, "find_values", counting)
    code, told, _ = apply(FACTS, *method, settings=())
    assert (code, told["changed"], sum(searched)) == (0, True, len(FACTS))
    code, told, _ = apply(dict(list(FACTS.items())[1:]), *method, settings=())
    assert (code, len(told["removed"]), told["added"]) == (0, 1, [])
    assert sum(searched) == len(FACTS), "a fact that stays was searched for again"


def test_a_run_that_was_killed_between_patch_and_entry_is_taken_up_again(
    apply: Run, ledger: Callable[[], Ledger], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed:

        def dies(*_: Any, **__: Any) -> None:
            raise KeyboardInterrupt

        killed.setattr("emendo.ledger.journal.Journal.append", dies)
        code, told, _ = apply(FACTS)
        assert (code, told) == (130, None)
    assert len(list((tmp_path / "ledger" / "patches").iterdir())) == 1
    assert Ledger.existing(tmp_path / "ledger") is None or ledger().at().in_force == ()
    code, told, _ = apply(FACTS)
    assert (code, told["changed"]) == (0, True)
    assert [len(entry.requests) for entry in ledger().at().in_force] == [3]
    assert len(list((tmp_path / "ledger" / "patches").iterdir())) == 1
