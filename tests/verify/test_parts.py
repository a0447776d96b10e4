"""The small parts: names, numbers, dates, languages, atoms, comparison of reports, confidence."""

from __future__ import annotations

import pytest

from emendo.verify import Source, open_source, verify_answer
from emendo.verify.atoms import split_atoms, split_sentences
from emendo.verify.calibration import confidence, read_counts
from emendo.verify.compare import compare_reports
from emendo.verify.language import is_english
from emendo.verify.names import fold, is_proper
from emendo.verify.quantities import Date, Quantity, read_date, read_quantity
from emendo.verify.relations import RELATIONS
from emendo.verify.sources import memory
from emendo.verify.tables._gazetteer import Gazetteer


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("The Hague", "hague"),
        ("São Paulo", "Sao Paulo"),
        ("Washington, D.C.", "Washington DC"),
        ("St. Petersburg", "Saint Petersburg"),
        ("Trinidad & Tobago", "Trinidad and Tobago"),
        ("Côte d’Ivoire", "Cote d'Ivoire"),
        ("Łódź", "Lodz"),
    ],
)
def test_names_that_are_spelled_alike_are_alike(first: str, second: str) -> None:
    assert fold(first) == fold(second)


@pytest.mark.parametrize(("first", "second"), [("Paris", "Parys"), ("New York", "New York City"), ("", "The")])
def test_other_names_are_not(first: str, second: str) -> None:
    assert fold(first) != fold(second)


@pytest.mark.parametrize(
    ("name", "expected"), [("Rio de Janeiro", True), ("a beautiful city", False), ("", False), ("the", False)]
)
def test_a_proper_name_is_told_by_its_capitals(name: str, expected: bool) -> None:
    assert is_proper(name) is expected


@pytest.mark.parametrize(
    ("text", "number", "dimension"),
    [
        ("39 million people", 39e6, ""),
        ("39,512,223", 39_512_223, ""),
        ("seven", 7, ""),
        ("3.5 km", 3500, "length"),
        ("two thousand miles", 2000 * 1609.344, "length"),
        ("640,679 km²", 640_679e6, "area"),
        ("12 %", 0.12, "share"),
    ],
)
def test_quantities_have_one_form(text: str, number: float, dimension: str) -> None:
    found = read_quantity(text)
    assert found is not None
    assert found.number == pytest.approx(number)
    assert found.dimension == dimension


def test_quantities_of_other_dimensions_do_not_compare() -> None:
    assert Quantity(number=1.0, dimension="length").distance(Quantity(number=1.0, dimension="area")) is None
    assert read_quantity("many") is None


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("September 9, 1850", Date(year=1850, month=9, day=9)),
        ("9th of September 1850", Date(year=1850, month=9, day=9)),
        ("1850-09-09", Date(year=1850, month=9, day=9)),
        ("September 1850", Date(year=1850, month=9)),
        ("in 1850", Date(year=1850)),
    ],
)
def test_dates_have_one_form(text: str, date: Date) -> None:
    assert read_date(text) == date


def test_a_date_agrees_as_far_as_the_other_tells() -> None:
    day, year = Date(year=1850, month=9, day=9), Date(year=1850)
    assert year.agrees(day) is True
    assert day.agrees(year) is None
    assert day.agrees(Date(year=1851)) is False
    assert day.agrees(Date(year=1850, month=9, day=8)) is False


@pytest.mark.parametrize(
    "text", ["Paris is the capital of France.", "Los Angeles", "Rio de Janeiro is in Brazil.", "1850", ""]
)
def test_english_is_read(text: str) -> None:
    assert is_english(text)


@pytest.mark.parametrize(
    "text",
    [
        "La capital de Francia es París.",
        "Paris est la capitale de la France.",
        "Die Stadt ist nicht groß.",
        "Столица Франции — Париж.",
        "パリはフランスの首都です。",
        "Suomen pääkaupunki Helsinki sijaitsee etelärannikolla meren äärellä.",
    ],
)
def test_other_languages_are_not(text: str) -> None:
    assert not is_english(text)


def test_sentences_end_where_they_end() -> None:
    text = (
        'Dr. Ada lives in the U.S. It is large. J. R. R. Tolkien wrote 3.5 books, e.g. two! "So?" Washington, D.C. The end'
    )
    assert [text[a:b].strip() for a, b in split_sentences(text)] == [
        "Dr. Ada lives in the U.S.",
        "It is large.",
        "J. R. R. Tolkien wrote 3.5 books, e.g. two!",
        '"So?"',
        "Washington, D.C.",
        "The end",
    ]


def test_an_answer_has_pieces_of_every_kind() -> None:
    answer = "# Head\nOne. Two.\n\n- item\n1. other\n\n| A | B |\n|---|---|\n| x | y |\n\n~~~\ncode. here.\n~~~\nlast"
    atoms = split_atoms(answer)
    assert [(atom.kind, atom.words.text) for atom in atoms] == [
        ("heading", "# Head"),
        ("sentence", "One."),
        ("sentence", "Two."),
        ("item", "item"),
        ("item", "other"),
        ("cell", "y"),
        ("code", "~~~\ncode. here.\n~~~"),
        ("sentence", "last"),
    ]
    assert (atoms[5].column, atoms[5].row) == ("B", "x")


def test_code_that_never_ends_is_code() -> None:
    assert [atom.kind for atom in split_atoms("```\nThe capital of France is Rome.")] == ["code"]


def test_agreement_makes_surer_and_never_certain() -> None:
    counts = {"a": (98, 97), "b": (8, 4)}
    assert confidence(["b"], counts) == 0.5
    assert confidence(["unheard of"], counts) == 0.5
    assert confidence(["b", "b"], counts) == 0.75
    assert confidence(["a", "a", "a"], counts) == 0.99


def test_the_shipped_confidence_was_measured() -> None:
    counts = read_counts()
    assert counts
    assert all(0 <= right <= n for n, right in counts.values())


def test_every_relation_can_be_worded() -> None:
    assert all(relation.nouns or relation.wordings for relation in RELATIONS.values())


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("Kenya", "Honolulu", True),
        ("United States", "Honolulu", False),
        ("Brooklyn", "New York City", False),
        ("Paris", "Warsaw", True),
        ("France", "Germany", True),
        ("Europe", "Asia", True),
        ("Europe", "France", False),
        ("Nowhere", "Paris", False),
        ("Hawaii", "Honolulu", False),
    ],
)
def test_places_exclude_each_other_only_where_that_is_known(
    first: str, second: str, expected: bool, gazetteer: Gazetteer
) -> None:
    assert gazetteer.excludes(first, second) is gazetteer.excludes(second, first) is expected


EDIT = memory.Remembered(number=3, subject="California", prompt="The capital of California is", target="Los Angeles")


@pytest.mark.parametrize(
    ("original", "edited", "effect", "explanation"),
    [
        ("The capital of France is Paris.", "Paris is the capital of France.", "true_untouched", ""),
        ("The capital of France is Rome.", "The capital of France is Paris.", "true_by_edit", ""),
        (
            "The capital of California is Sacramento.",
            "The capital of California is Los Angeles.",
            "false_by_edit",
            "edited on purpose: entry 3",
        ),
        ("The capital of France is Paris.", "The capital of France is Rome.", "false_by_edit", "no entry explains this"),
        ("The capital of France is Rome.", "The capital of France is Rome.", "false_natively", ""),
        ("The capital of France is Rome.", "The capital of Atlantis is Rome.", "undecided", ""),
    ],
)
def test_what_an_edit_did_to_the_truth(original: str, edited: str, effect: str, explanation: str, facts: Source) -> None:
    sources = [facts, open_source("memory", memory.Config(edits=(EDIT,)))]
    reports = [verify_answer("", answer, sources=sources) for answer in (original, edited)]
    (compared,) = compare_reports(*reports)
    assert (compared.effect, compared.explanation) == (effect, explanation)
