"""Every source and judge keeps its contract; folders are searched as they are now; tables of one's own are used."""

from __future__ import annotations

import io
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from emendo.errors import DataUnavailable, InvalidRequest, SourceFailed, UnknownName
from emendo.verify import JUDGES, SOURCES, Claim, Passage, extract_claims, open_source, read_source, verify_answer
from emendo.verify.documents import Paragraph
from emendo.verify.relations import RELATIONS
from emendo.verify.sources import facts, folder, memory
from emendo.verify.tables import TABLES


def claim(text: str) -> Claim:
    """The first claim of a text."""
    return extract_claims("", text)[0]


@pytest.mark.parametrize("name", SOURCES.names())
def test_a_source_has_a_configuration_a_search_and_a_version(name: str) -> None:
    module = SOURCES.get(name)
    assert module.Config()
    assert callable(module.Config.of)
    assert callable(module.search)
    assert callable(module.version)
    assert (module.__doc__ or "").strip()


@pytest.mark.parametrize("name", JUDGES.names())
def test_a_judge_has_no_opinion_on_what_it_is_not_told_about(name: str) -> None:
    module = JUDGES.get(name)
    beside = Passage(source="made", origin="o", locator="l", text="Bread is baked from flour.")
    assert isinstance(module.IS_REPEATABLE, bool)
    assert isinstance(module.IS_FALLBACK, bool)
    assert module.judge(claim("The capital of France is Paris."), beside, module.Config()) == []
    assert isinstance(module.version(module.Config()), str)


@pytest.mark.parametrize("name", TABLES.names())
def test_the_rows_of_a_table_are_of_its_relations_and_cited(name: str) -> None:
    table = TABLES.get(name)
    rows = list(table.rows())
    assert len(rows) > 50
    assert {row.relation for row in rows} <= set(table.RELATIONS) <= set(RELATIONS)
    assert all(row.values and row.subject.name and all(value.name for value in row.values) for row in rows)
    assert table.LICENCE
    assert f"{table.PACKAGE} " in facts.version(facts.Config())


def test_some_tables_are_chosen() -> None:
    only = open_source("facts", facts.Config(tables=("elements",)))
    assert only.search(claim("The chemical symbol of gold is Au."), 5)
    assert not only.search(claim("The capital of France is Paris."), 5)


def test_a_table_of_ones_own_decides(tmp_path: Path) -> None:
    (tmp_path / "chiefs.csv").write_text("company,chief,seat\nAcme,Ada Byron,London\nBeta,,\n")
    mapping = tmp_path / "chiefs.yaml"
    mapping.write_text(
        "csv: chiefs.csv\nlicence: CC0-1.0\ndate: 2026-05-01\nsubject: company\ncolumns: {ceo: chief, headquarters: seat}\n"
    )
    (verdict,) = verify_answer("", "The CEO of Acme is Charles Babbage.", sources=[read_source(f"facts:{mapping}")]).verdicts
    assert verdict.label == "refuted"
    assert verdict.correction is not None
    assert verdict.correction.text == "Ada Byron"
    assert (verdict.passages[0].licence, verdict.passages[0].date) == ("CC0-1.0", "2026-05-01")
    assert "chiefs.csv" in verdict.passages[0].locator


@pytest.mark.parametrize(
    ("mapping", "error", "message"),
    [
        ("csv: a.csv", InvalidRequest, "lacks a field"),
        (": : :", InvalidRequest, "is no YAML"),
        ("csv: none.csv\nsubject: s\ncolumns: {ceo: c}", DataUnavailable, "cannot be read"),
        ("csv: a.csv\nsubject: s\ncolumns: {boss: c}", InvalidRequest, "unknown relation 'boss'"),
        ("csv: a.csv\nsubject: x\ncolumns: {ceo: c}", InvalidRequest, "no column 'x'"),
    ],
)
def test_a_mapping_that_does_not_fit_is_told(mapping: str, error: type[Exception], message: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("s,c\nAcme,Ada\n")
    (tmp_path / "m.yaml").write_text(mapping)
    with pytest.raises(error, match=message):
        facts.search(claim("The CEO of Acme is Ada."), 3, facts.Config(mapping=tmp_path / "m.yaml"))


@pytest.fixture
def documents(tmp_path: Path) -> folder.Config:
    """A folder with a document of each kind, and an index of its own."""
    where = tmp_path / "documents"
    (where / "deep").mkdir(parents=True)
    (where / "a.md").write_text(
        "# Bridges\n\nNothing here.\n\nThe Golden Gate Bridge was opened in 1937.\n", encoding="utf-8"
    )
    (where / "deep" / "b.html").write_text(
        "<html><head><title>No</title><script>The Tower was opened in 1900.</script></head>\n"
        "<body><p>The <b>Tower</b> was\nopened in 1889.</p></body></html>",
        encoding="utf-8",
    )
    (where / "c.pdf").write_bytes(pdf("The canal was opened in 1914."))
    (where / "notes.bin").write_bytes(b"\x00The canal was opened in 1999.")
    return folder.Config(path=where, home=tmp_path / "home")


def pdf(text: str) -> bytes:
    """A PDF whose second page says a sentence."""
    writer = PdfWriter()
    writer.add_blank_page(width=300, height=300)
    page = writer.add_blank_page(width=300, height=300)
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})})
    stream = DecodedStreamObject()
    stream.set_data(f"BT /F1 12 Tf 20 200 Td ({text}) Tj ET".encode())
    page[NameObject("/Contents")] = writer._add_object(stream)
    held = io.BytesIO()
    writer.write(held)
    return held.getvalue()


@pytest.mark.parametrize(
    ("text", "locator"),
    [
        ("The Golden Gate Bridge was opened in 1937.", "a.md, line 5"),
        ("The Tower was opened in 1889.", "deep/b.html, line 2"),
        ("The canal was opened in 1914.", "c.pdf, page 2, line 1"),
    ],
)
def test_a_folder_is_searched_and_the_place_is_cited(text: str, locator: str, documents: folder.Config) -> None:
    first = folder.search(claim(text), 3, documents)[0]
    assert (first.locator, first.text) == (locator, text)
    (verdict,) = verify_answer("", text, sources=[open_source("folder", documents)]).verdicts
    assert verdict.label == "supported"


def test_only_what_changed_is_read_again(documents: folder.Config) -> None:
    assert folder.update(documents) == 3
    assert folder.update(documents) == 0
    before = folder.version(documents)
    (documents.path / "a.md").write_text("The Golden Gate Bridge was painted in 1965.")
    (documents.path / "c.pdf").unlink()
    assert folder.update(documents) == 1
    assert folder.version(documents) != before
    found = folder.search(claim("The Golden Gate Bridge was opened in 1937."), 5, documents)
    assert [passage.text for passage in found] == [
        "The Golden Gate Bridge was painted in 1965.",
        "The Tower was opened in 1889.",
    ]


def test_a_damaged_index_is_made_anew(documents: folder.Config) -> None:
    folder.update(documents)
    documents.index.write_bytes(b"not a database at all, but long enough to be looked at" * 40)
    assert folder.search(claim("The canal was opened in 1914."), 1, documents)[0].locator.startswith("c.pdf")


def test_an_index_that_another_program_holds_is_left_as_it_is(documents: folder.Config) -> None:
    folder.update(documents)
    kept = documents.index.read_bytes()
    with closing(sqlite3.connect(documents.index)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(SourceFailed, match="held by another program"):
            folder.search(claim("The canal was opened in 1914."), 1, documents)
    assert documents.index.read_bytes() == kept


def test_an_index_that_cannot_be_written_fails_the_check_in_a_sentence(
    documents: folder.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(config: folder.Config) -> int:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(folder, "update", full)
    with pytest.raises(SourceFailed, match="disk is full"):
        folder.search(claim("The canal was opened in 1914."), 1, documents)
    report = verify_answer("", "The canal was opened in 1914.", sources=[open_source("folder", documents)])
    assert report.counts["check_failed"] == 1


def test_an_index_on_a_full_disk_fails_the_check_and_is_whole_afterwards(
    documents: folder.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.update(documents)
    (documents.path / "new.md").write_text("The canal was widened in 1970.")

    def full(path: Path) -> list[Paragraph]:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(folder, "read_document", full)
        with pytest.raises(SourceFailed, match="disk is full"):
            folder.search(claim("The canal was opened in 1914."), 1, documents)
    assert folder.search(claim("The canal was widened in 1970."), 1, documents)[0].text == "The canal was widened in 1970."
    assert folder.search(claim("The canal was opened in 1914."), 1, documents)[0].locator.startswith("c.pdf")


def test_an_index_that_has_no_place_fails_the_check(documents: folder.Config, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where a folder should be")
    with pytest.raises(SourceFailed, match="cannot be written"):
        folder.search(claim("The canal was opened in 1914."), 1, replace(documents, home=tmp_path / "taken"))


def test_a_broken_file_is_left_out_and_told(documents: folder.Config, caplog: pytest.LogCaptureFixture) -> None:
    (documents.path / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing else")
    with caplog.at_level("WARNING", logger="emendo.verify"):
        assert folder.update(documents) == 4
    assert "broken.pdf is left out" in caplog.text
    assert folder.search(claim("The canal was opened in 1914."), 1, documents)


def test_links_out_of_the_folder_and_hidden_files_are_not_read(documents: folder.Config, tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("The secret was opened in 1950.")
    (documents.path / "link.md").symlink_to(tmp_path / "secret.md")
    (documents.path / ".hidden.md").write_text("The secret was opened in 1950.")
    assert all(
        "secret" not in passage.text for passage in folder.search(claim("The secret was opened in 1950."), 9, documents)
    )


def test_words_of_a_claim_are_no_query_language(documents: folder.Config) -> None:
    assert folder.search(claim('The canal" OR NEAR( was AND opened* in 1914.'), 1, documents)
    assert folder.search(claim("It is."), 1, documents) == []


def test_a_source_is_named_or_is_a_folder(documents: folder.Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EMENDO_HOME", str(tmp_path / "home"))
    assert read_source(str(documents.path)).name == "folder"
    assert read_source("facts").name == "facts"
    with pytest.raises(UnknownName, match="Did you mean 'facts'"):
        read_source("fact")
    with pytest.raises(DataUnavailable, match="no folder"):
        read_source("folder:/nowhere")


EDIT = memory.Remembered(
    number=3,
    subject="California",
    prompt="The capital of California is",
    target="Los Angeles",
    when="2026-01-02T03:04:05+00:00",
    who="Ada",
    why="a test",
)


def test_what_was_taught_on_purpose_is_told_beside_the_evidence() -> None:
    sources = [open_source("facts"), open_source("memory", memory.Config(edits=(EDIT,)))]
    (verdict,) = verify_answer("", "The capital of California is Los Angeles.", sources=sources).verdicts
    assert (verdict.label, verdict.entries) == ("refuted", (3,))
    assert any("Edited on purpose by Ada because a test" in passage.text for passage in verdict.passages)


def test_what_was_taught_is_no_evidence_of_the_truth() -> None:
    only = [open_source("memory", memory.Config(edits=(EDIT,)))]
    (verdict,) = verify_answer("", "The capital of California is Los Angeles.", sources=only).verdicts
    assert (verdict.label, verdict.entries) == ("not_enough_evidence", (3,))


@pytest.mark.parametrize(
    "text",
    [
        "The capital of California is Sacramento.",
        "Los Angeles is located in California.",
        "The capital of Nevada is Los Angeles.",
    ],
)
def test_an_entry_is_named_only_where_the_claim_says_what_it_taught(text: str) -> None:
    assert memory.search(claim(text), 5, memory.Config(edits=(EDIT,))) == []
