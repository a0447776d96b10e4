"""Facts and requests: parsing, refusing, reading files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emendo.errors import DataUnavailable, InvalidRequest
from emendo.facts import EditRequest, Fact, read_facts, read_requests
from emendo.facts.interrogatives import statement_to_question

WORD = st.text(st.characters(exclude_characters="{}", exclude_categories=("Cs", "Cc", "Z")), min_size=1)


@given(before=WORD, subject=WORD, after=WORD)
def test_marking_and_parsing_are_inverse(before: str, subject: str, after: str) -> None:
    fact = Fact(subject=subject, prompt=f"{before} {{}} {after}")
    assert Fact.parse(fact.marked) == fact
    assert fact.text == f"{before} {subject} {after}"


@pytest.mark.parametrize("marked", ["The capital is", "{The} capital of {France} is", "The capital of {} is", "{ } is"])
def test_a_prompt_needs_one_subject(marked: str) -> None:
    with pytest.raises(InvalidRequest, match="subject"):
        Fact.parse(marked)


@pytest.mark.parametrize("prompt", ["The capital is", "{} and {}"])
def test_a_template_needs_one_place(prompt: str) -> None:
    with pytest.raises(InvalidRequest, match="exactly once"):
        Fact(subject="France", prompt=prompt)


@pytest.mark.parametrize(
    ("marked", "question"),
    [
        ("The capital of {France} is", "What is the capital of France?"),
        ("{Apple}'s founders were", "Who were Apple's founders?"),
        ("The mother tongue of {Danielle} is the", "What is the mother tongue of Danielle?"),
        ("{Danielle Darrieux} was born in", "Complete the sentence: Danielle Darrieux was born in"),
    ],
)
def test_a_prompt_is_asked_as_a_question(marked: str, question: str) -> None:
    assert Fact.parse(marked).question() == question


@pytest.mark.parametrize(
    ("marked", "nominal"),
    [
        ("The capital of {France} is", "the capital of {}"),
        ("What is the capital of {France}?", "the capital of {}"),
        ("{Apple}'s founders were", "{}'s founders"),
        ("{Danielle Darrieux} was born in", None),
        ("How large is {France}?", None),
    ],
)
def test_what_a_fact_tells_is_named_where_a_rule_fits(marked: str, nominal: str | None) -> None:
    assert Fact.parse(marked).nominal == nominal


@pytest.mark.parametrize(
    ("statement", "question"),
    [
        ("{} was founded by", "Who founded {}?"),
        ("{} is written by", "Who is {} written by?"),
        ("{}, created by", "Who created {}?"),
        ("{} is married to", "Who is {} married to?"),
        ("{} is in the country of", "What country is {} in?"),
        ("{} is part of the constellation named", "What constellation is {} part of?"),
        ("{} is located in", "Where is {} located?"),
        ("{}, located in", "Where is {} located?"),
        ("{} can be found in", "Where can {} be found?"),
        ("{}, in", "Where is {}?"),
        ("{} was originally from", "Where was {} originally from?"),
        ("{}, a citizen of the", "What is {} a citizen of?"),
        ("{} speaks the language of", "What language does {} speak?"),
        ("{} professionally plays the sport of", "What sport does {} play?"),
        ("{}, who plays in the position of a", "What position does {} play in?"),
        ("{} carries the instrument", "What instrument does {} carry?"),
        ("{} died in the city of", "What city did {} die in?"),
        ("{} passed away at", "Where did {} pass away?"),
        ("{} works as a", "What does {} work as?"),
        ("{} originates from", "Where does {} originate from?"),
        ("{} has", "What does {} have?"),
        ("{} goes by", "What does {} go by?"),
        ("{} dies in", "Where does {} die?"),
        ("{} expired at", "Where did {} expire?"),
        ("{} teaches the subject of", "What subject does {} teach?"),
        ("The headquarter of {} is in", "Where is the headquarter of {}?"),
        ("{}'s headquarters are in", "Where are {}'s headquarters?"),
        ("In {}, the language spoken is", "What is the language spoken in {}?"),
        ("{} found employment in", None),
        ("{} is known for performing", None),
        ("{} owner", None),
        ("{}, of", None),
    ],
)
def test_a_sentence_is_turned_into_a_question_or_left(statement: str, question: str | None) -> None:
    assert statement_to_question(statement) == question


@pytest.mark.parametrize(
    ("marked", "other"),
    [
        ("The capital of {France} is", "Can you name the capital of France?"),
        ("{Danielle Darrieux} was born in", "Where was Danielle Darrieux born?"),
        ("Who founded {Apple}?", None),
        ("How large is {France}?", None),
    ],
)
def test_the_same_is_asked_in_other_words_where_a_rule_fits(marked: str, other: str | None) -> None:
    fact = Fact.parse(marked)
    assert fact.other_question() == other
    assert other != fact.question()


def test_a_request_is_named_by_its_words() -> None:
    fact = Fact.parse("The capital of {California} is")
    request = EditRequest(fact=fact, target_new=" Los Angeles ")
    assert request.target_new == "Los Angeles"
    assert request.id == EditRequest(fact=fact, target_new="Los Angeles", source="a map").id
    assert request.id != EditRequest(fact=fact, target_new="Sacramento").id
    assert EditRequest(fact=fact, target_new="Sacramento", id="mine").id == "mine"


def test_an_empty_target_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"target of 'The capital of \{France\} is' is empty"):
        EditRequest(fact=Fact.parse("The capital of {France} is"), target_new=" ")


ROWS = [
    {"prompt": "The capital of {} is", "subject": "France", "target_new": "Rome", "target_true": "Paris", "source": "a map"},
    {"prompt": "The capital of Texas is", "subject": "Texas", "target_new": "Dallas", "id": "tx"},
    {"prompt": "The capital of {Nevada} is", "target_new": {"str": "Reno"}, "ground_truth": "Carson City"},
]


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".csv"])
def test_every_kind_of_file_gives_the_same_requests(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"requests{suffix}"
    if suffix == ".json":
        path.write_text(json.dumps(ROWS), encoding="utf-8")
    elif suffix == ".jsonl":
        path.write_text("\n\n".join(map(json.dumps, ROWS)), encoding="utf-8")
    else:
        # As a spreadsheet writes it: with a byte-order mark, Windows line ends, and quotes around a comma.
        lines = [
            "prompt,subject,target_new,target_true,source,id,ground_truth",
            "The capital of {} is,France,Rome,Paris,a map,,",
            '"The capital of Texas is",Texas,Dallas,,,tx,',
            "The capital of {Nevada} is,,Reno,,,,Carson City",
        ]
        path.write_text("\r\n".join(lines), encoding="utf-8-sig", newline="")
    requests = read_requests(path)
    assert [(r.fact.marked, r.fact.target_true, r.target_new, r.source) for r in requests] == [
        ("The capital of {France} is", "Paris", "Rome", "a map"),
        ("The capital of {Texas} is", None, "Dallas", None),
        ("The capital of {Nevada} is", "Carson City", "Reno", None),
    ]
    assert requests[1].id == "tx"
    assert [r.fact for r in requests] == read_facts(path)


def test_a_cell_may_hold_a_line_break(tmp_path: Path) -> None:
    path = tmp_path / "facts.csv"
    path.write_text('prompt,subject\n"Question: where?\nThe capital of {} is",France\n', encoding="utf-8")
    assert read_facts(path)[0].text == "Question: where?\nThe capital of France is"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", "{", "not valid JSON"),
        ("a.jsonl", '{"prompt": "{a} is"}\n{"prompt"', "line 2"),
        ("a.json", '{"prompt": "x"}', "must hold a list of objects"),
        ("a.json", '[{"subject": "x", "target_new": "y"}]', "row 1: there is no 'prompt'"),
        ("a.json", '[{"prompt": "The {} is", "subject": "x"}]', "row 1: there is no 'target_new'"),
        ("a.json", '[{"prompt": "The y is", "subject": "x", "target_new": "z"}]', "the subject 'x' does not stand"),
        ("a.txt", "x", "ends in .json, .jsonl, .csv, .yaml or .yml"),
    ],
)
def test_a_bad_file_is_refused_in_a_sentence(tmp_path: Path, name: str, content: str, message: str) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InvalidRequest, match=message):
        read_requests(path)


def test_text_of_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes("[]ü".encode("latin-1"))
    with pytest.raises(InvalidRequest, match="not UTF-8"):
        read_facts(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataUnavailable, match=r"nowhere\.json"):
        read_facts(tmp_path / "nowhere.json")


@pytest.mark.parametrize("name", ["known_facts/known-900.json", "counterfact/counterfact-flat.json"])
def test_published_files_are_read_as_they_are(data: Path, name: str) -> None:
    facts = read_facts(data / name)
    assert len(facts) >= 900
    assert all(fact.subject in fact.text for fact in facts)
    assert all(fact.target_true for fact in facts)


def test_counterfact_is_read_in_its_own_form(data: Path) -> None:
    requests = read_requests(data / "counterfact" / "counterfact-300.json")
    assert len(requests) == 300
    assert all(r.fact.target_true and r.target_new != r.fact.target_true for r in requests)
