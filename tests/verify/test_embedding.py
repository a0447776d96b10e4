"""Embeddings put candidates in order, are kept with the index, and never decide; without them words alone do."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emendo.verify import Claim, embedding, extract_claims, open_source, verify_answer
from emendo.verify.embedding import Embedder, find_embedder
from emendo.verify.ranking import best_by_sense, fused
from emendo.verify.sources import folder

CLAIM = "The car of the firm was repaired in Leeds"
PARAPHRASE = "Its automobile got fixed by mechanics in Leeds."
# They share more words with the claim, and say something else.
OTHERS = ["The firm in Leeds repaired a roof.", "A roof was repaired in Leeds by a firm.", "The firm was founded in Leeds."]


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    """The installed model."""
    found = find_embedder()
    assert found is not None
    return found


@pytest.fixture
def documents(tmp_path: Path, embedder: Embedder) -> folder.Config:
    """A folder of one file, and an index of its own."""
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "a.md").write_text("\n\n".join([*OTHERS, PARAPHRASE]))
    return folder.Config(path=tmp_path / "documents", home=tmp_path / "home", embedder=embedder)


def claim(text: str) -> Claim:
    """The first claim of a text."""
    return extract_claims("", text)[0]


def test_what_means_the_same_is_nearer_and_each_vector_is_of_length_one(embedder: Embedder) -> None:
    asked, same, other = map(embedder.embed, (CLAIM, PARAPHRASE, "Bread is baked from flour."))
    assert asked @ same > 0.6 > 0.3 > asked @ other
    assert np.linalg.norm(asked) == pytest.approx(1, abs=1e-3)


def test_a_vector_depends_on_its_text_alone(embedder: Embedder) -> None:
    before = embedder.embed(CLAIM)
    embedder.embed("word " * 500)
    assert (replace(embedder).embed(CLAIM) == before).all()


def test_rankings_are_joined_by_reciprocal_rank() -> None:
    claim = np.array([1.0, 0.0], dtype=np.float32)
    # By words 0, 1, 2; by sense 2, 1, 0: the ends gain what the middle loses, and ties go to the words.
    candidates = np.array([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]], dtype=np.float32)
    assert fused(candidates, claim) == [0, 2, 1]


def test_a_folder_finds_by_sense_what_words_rank_low(documents: folder.Config) -> None:
    alone = [passage.text for passage in folder.search(claim(CLAIM), 4, replace(documents, embedder=None))]
    joined = [passage.text for passage in folder.search(claim(CLAIM), 4, documents)]
    assert sorted(alone) == sorted(joined)
    assert joined.index(PARAPHRASE) < alone.index(PARAPHRASE)


def test_vectors_are_kept_and_only_new_passages_are_embedded(
    documents: folder.Config, embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    embed = Embedder.embed
    monkeypatch.setattr(Embedder, "embed", lambda self, text: made.append(text) or embed(self, text))
    first = folder.search(claim(CLAIM), 4, documents)
    assert len(made) == 5
    made.clear()
    assert folder.search(claim(CLAIM), 4, documents) == first
    assert made == [CLAIM]
    (documents.path / "b.md").write_text("The car was sold in Leeds.")
    made.clear()
    folder.search(claim(CLAIM), 4, documents)
    assert made == ["The car was sold in Leeds.", CLAIM]
    (documents.path / "a.md").unlink()
    folder.search(claim(CLAIM), 4, documents)
    with closing(sqlite3.connect(documents.index)) as index:
        assert index.execute("SELECT count(*) FROM vectors").fetchone() == (1,)


def test_where_vectors_cannot_be_kept_the_search_goes_on(
    documents: folder.Config, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*arguments: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("emendo.verify.vectors.keep", full)
    with caplog.at_level("WARNING", logger="emendo.verify"):
        assert len(folder.search(claim(CLAIM), 4, documents)) == 4
    assert "are not kept (database or disk is full)" in caplog.text


def test_the_report_says_what_put_the_passages_in_order(documents: folder.Config, embedder: Embedder) -> None:
    told = [
        verify_answer("", CLAIM, sources=[open_source("folder", config)]).versions["folder"]
        for config in (documents, replace(documents, embedder=None))
    ]
    assert told[0].endswith(f"ranked by words and {embedder.name}")
    assert told[1].endswith("ranked by words alone")


def test_without_the_packages_there_is_no_embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "find_spec", lambda name: None)
    assert find_embedder() is None


def test_paragraphs_of_articles_are_put_in_order_the_same_way(embedder: Embedder) -> None:
    texts = [*OTHERS, PARAPHRASE, "Bread."]
    alone, joined = (best_by_sense(texts, CLAIM, 4, one) for one in (None, embedder))
    assert joined.index(3) < alone.index(3)
    assert 4 not in joined
