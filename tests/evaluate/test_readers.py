"""The readers of published benchmarks, on small files made by hand, and on the data itself where it is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from emendo.errors import InvalidRequest
from emendo.evaluate import Case, load_cases
from emendo.evaluate.benchmarks import counterfact, counterfact_plus, known_facts, mquake, relations, zsre


def write(path: Path, rows: Any) -> Path:
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def kinds(case: Case) -> list[str]:
    return [asked.kind for asked in case.asked]


def porsche() -> dict[str, Any]:
    return {
        "case_id": 7,
        "requested_rewrite": {
            "prompt": "{}, created by",
            "relation_id": "P176",
            "subject": "Porsche 911",
            "target_new": {"str": "Honda"},
            "target_true": {"str": "Porsche"},
        },
        "paraphrase_prompts": ["Porsche 911 is developed by"],
        "neighborhood_prompts": ["Porsche 550, developed by"],
        "attribute_prompts": ["Honda Bali is produced by"],
        "generation_prompts": ["Porsche 911 is sold by", "I like Porsche 911", "Porsche 911 is sold by", "One", "Two"],
    }


def test_counterfact_asks_for_truth_denial_other_relations_and_generations(tmp_path: Path) -> None:
    (case,) = counterfact.read_cases(write(tmp_path / "cases.json", [porsche()]))
    assert kinds(case) == ["truth_new", "truth_old", "denial", *["same_subject"] * 4, *["essence"] * 3]
    assert case.asked[0].text == "Is it true that Porsche 911 is created by Honda?"
    assert [asked.is_chat for asked in case.asked[3:7]] == [True, False, True, False]
    assert [asked.text for asked in case.asked[7:]] == ["Porsche 911 is sold by", "I like Porsche 911", "One"]
    assert {asked.max_new_tokens for asked in case.asked[7:]} == {60}
    assert case.references == ("Honda Bali is produced by Honda.",)
    assert not any("created" in asked.text for asked in case.asked if asked.kind == "same_subject")


def test_counterfact_plus_puts_the_edited_fact_before_the_neighbours(tmp_path: Path) -> None:
    path = write(tmp_path / "cases.json", [porsche()])
    (case,), (usual,) = counterfact_plus.read_cases(path), counterfact.read_cases(path)
    assert case.neighbours[0].prompt == "Porsche 911, created by Honda. Porsche 550, developed by"
    assert (case.id, case.request, case.paraphrases) == (usual.id, usual.request, usual.paraphrases)
    assert case.asked == ()


def zsre_row(**changes: Any) -> dict[str, Any]:
    row = {
        "subject": "UniFirst",
        "src": "What is the product made by UniFirst?",
        "pred": "uniform",
        "rephrase": "What will be the product of UniFirst?",
        "alt": "unmanned aircraft",
        "answers": ["uniform"],
        "loc": "nq question: who made the song",
        "loc_ans": "Reel 2 Real",
    }
    return row | changes


def test_zsre_asks_its_question_as_it_is_and_keeps_another(tmp_path: Path) -> None:
    (case,) = zsre.read_cases(write(tmp_path / "cases.json", [zsre_row()]))
    assert case.request.fact.text == case.request.fact.question() == "What is the product made by UniFirst?"
    assert (case.request.fact.subject, case.request.target_new, case.rival) == ("UniFirst", "unmanned aircraft", "uniform")
    assert case.paraphrases == case.questions == ("What will be the product of UniFirst?",)
    assert (case.neighbours[0].prompt, case.neighbours[0].target_true) == ("nq question: who made the song?", "Reel 2 Real")
    (kept,) = [asked for asked in case.asked if asked.kind == "locality"]
    assert (kept.text, kept.is_chat, kept.accepted) == ("Who made the song?", True, ())


def test_rows_of_zsre_that_edit_nothing_are_left_out(tmp_path: Path) -> None:
    rows = [
        zsre_row(alt=""),
        zsre_row(alt="Uniform"),
        zsre_row(alt="uniform", pred="tunic"),
        zsre_row(answers=["unmanned aircraft", "uniform"]),
    ]
    found = list(zsre.read_cases(write(tmp_path / "cases.json", rows)))
    assert [(case.id, case.rival) for case in found] == [("zsre-3", "tunic"), ("zsre-4", "uniform")]


def test_a_subject_that_stands_nowhere_is_named_with_its_row(tmp_path: Path) -> None:
    path = write(tmp_path / "cases.json", [zsre_row(), zsre_row(subject="Honda")])
    with pytest.raises(InvalidRequest, match=r"cases\.json', row 2: the subject 'Honda'"):
        list(zsre.read_cases(path))


def mquake_row() -> dict[str, Any]:
    def rewrite(subject: str, prompt: str, true: str, new: str, question: str) -> dict[str, Any]:
        targets = {"target_true": {"str": true}, "target_new": {"str": new}}
        return {"subject": subject, "prompt": prompt, "question": question, **targets}

    return {
        "case_id": 5,
        "requested_rewrite": [
            rewrite("Hey Jude", "{} was performed by", "The Beatles", "Madonna", "Who performed Hey Jude?"),
            rewrite("Madonna", "{} is a citizen of", "United States", "Italy", "Of what country is Madonna?"),
        ],
        "questions": ["What is the country of the performer of Hey Jude?", "Where is the performer of Hey Jude from?"],
        "new_answer": "Italy",
        "new_answer_alias": ["it", "IT", "Italia"],
        "new_single_hops": [
            {"question": "Who performed Hey Jude?", "answer": "Madonna", "answer_alias": []},
            {"question": "Of what country is Madonna?", "answer": "Italy", "answer_alias": ["Italia"]},
        ],
    }


def test_mquake_makes_its_edits_together_and_asks_for_what_follows(tmp_path: Path) -> None:
    (case,) = mquake.read_cases(write(tmp_path / "cases.json", [mquake_row()]))
    requests = [case.request, *case.with_requests]
    assert [(r.fact.subject, r.target_new) for r in requests] == [("Hey Jude", "Madonna"), ("Madonna", "Italy")]
    assert len({request.id for request in requests}) == 2
    assert case.rival == "The Beatles"
    assert case.questions == ("Who performed Hey Jude?",)
    assert kinds(case) == ["hop", "hop", "companion"]
    assert all(asked.is_chat for asked in case.asked)
    assert case.asked[0].accepted == ("Italy", "IT", "Italia")
    assert (case.asked[2].text, case.asked[2].accepted) == ("Of what country is Madonna?", ("Italy", "Italia"))


@pytest.mark.parametrize("field", ["requested_rewrite", "questions", "new_answer", "new_single_hops", "case_id"])
def test_a_row_of_mquake_without_a_field_is_named(tmp_path: Path, field: str) -> None:
    row = mquake_row()
    del row[field]
    with pytest.raises(InvalidRequest, match=r"cases\.json', row 2: .*MQuAKE"):
        list(mquake.read_cases(write(tmp_path / "cases.json", [mquake_row(), row])))


def test_relations_move_a_fact_to_another_object_and_ask_for_the_others(relation_folder: Path) -> None:
    cases = {case.id: case for case in load_cases("relations", data=str(relation_folder)).cases}
    names = ("capital_city-France", "capital_city-Germany", "capital_city-Bolivia", "language-France", "language-Austria")
    assert list(cases) == [f"country_{name}" for name in names]
    france = cases["country_capital_city-France"]
    assert (france.request.fact.text, france.rival) == ("The capital of France is", "Paris")
    assert france.request.target_new in ("Berlin", "Sucre")
    assert france.paraphrases == ("France is governed from", "What is the capital of France? It is the city of")
    assert france.questions == (), "the fact as a question is asked anyway"
    for neighbour in france.neighbours:
        assert neighbour.prompt.startswith("The capital of")
        assert "France" not in neighbour.prompt
        assert neighbour.target_true != france.request.target_new
    same = [asked for asked in france.asked if asked.kind == "same_subject"]
    assert [(asked.text, asked.accepted) for asked in same[:2]] == [
        ("Complete the sentence: People in France speak", ("French",)),
        ("People in France speak", ("French",)),
    ]
    assert len(same) == 4
    assert all(asked.accepted == () for asked in same[2:])
    assert not any("capital" in asked.text or "language" in asked.text for asked in same[2:])


def test_what_else_is_true_is_no_new_target(relation_folder: Path) -> None:
    cases = {case.id: case for case in relations.read_cases(relation_folder)}
    assert cases["country_capital_city-Bolivia"].request.target_new in ("Paris", "Berlin")


def test_one_file_of_a_relation_is_read_alone(relation_folder: Path) -> None:
    alone = list(relations.read_cases(relation_folder / "country_language.json"))
    assert [case.id for case in alone] == ["country_language-France", "country_language-Austria"]
    assert [case.request.target_new for case in alone] == ["German", "French"]


def test_a_file_in_the_folder_that_is_no_relation_is_named(relation_folder: Path) -> None:
    (relation_folder / "broken.json").write_text('{"samples": []}')
    with pytest.raises(InvalidRequest, match=r"'broken\.json' is not a file of a relation"):
        list(relations.read_cases(relation_folder))


def test_an_empty_folder_holds_no_relation_and_other_benchmarks_take_none(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"holds no '\.json' file"):
        list(relations.read_cases(tmp_path))
    with pytest.raises(InvalidRequest, match="is a folder"):
        load_cases("zsre", data=str(tmp_path))


def test_known_facts_are_moved_within_their_relation(tmp_path: Path) -> None:
    def row(subject: str, attribute: str, relation: str, prompt: str) -> dict[str, str]:
        return {"subject": subject, "attribute": attribute, "relation_id": relation, "prompt": prompt}

    rows = [
        row("Vinson Massif", "Antarctica", "P30", "Vinson Massif is located in the continent of"),
        row("Etna", "Europe", "P30", "Etna is on the continent of"),
        row("Beats Music", "Apple", "P127", "Beats Music is owned by"),
    ]
    found = list(known_facts.read_cases(write(tmp_path / "cases.json", rows)))
    assert [(case.id, case.request.target_new, case.rival) for case in found] == [
        ("known-P30-Vinson-Massif", "Europe", "Antarctica"),
        ("known-P30-Etna", "Antarctica", "Europe"),
    ]
    assert found[1].request.fact.text == "Etna is on the continent of"
    assert kinds(found[0]).count("same_subject") == 4


def test_the_published_files_are_read_whole(data: Path) -> None:
    expected = {"mquake": 429, "zsre": 998, "known_facts": 899, "counterfact_plus": 300, "relations": 9646}
    for benchmark, n in expected.items():
        cases = load_cases(benchmark).cases
        assert len({case.id for case in cases}) == len(cases) == n
        for case in cases:
            assert case.rival.casefold() != case.request.target_new.casefold()
            for asked in case.asked:
                assert asked.text.strip()
                assert "{}" not in asked.text
    assert {len(case.with_requests) for case in load_cases("mquake").cases} == {3}
    assert sum(len(case.neighbours) == 10 for case in load_cases("relations").cases) > 9_000
