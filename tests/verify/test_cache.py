"""Reports are kept under everything that they depend on, and never stand in the way."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from emendo.verify import Claim, Passage, Report, Source, verify_answer
from emendo.verify.cache import Cache

TEXT = "The CEO of Apple is Tim Cook."


class Counting:
    """A source that counts how often it is searched."""

    def __init__(self, version: str = "1", *, fails: bool = False) -> None:
        self.searches, self.version, self.fails = 0, version, fails

    def open(self) -> Source:
        """The source."""
        return Source(name="counting", search=self.search, version=lambda: self.version)

    def search(self, claim: Claim, limit: int) -> list[Passage]:
        """One passage, or a failure."""
        self.searches += 1
        if self.fails:
            raise OSError("down")
        return [Passage(source="counting", origin="o", locator="l", text=TEXT)]


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """An empty folder of reports."""
    return Cache(folder=tmp_path / "reports")


def verify(source: Counting, cache: Cache, text: str = TEXT, question: str = "") -> Report:
    """The report on a text."""
    return verify_answer(question, text, sources=[source.open()], cache=cache)


def test_the_same_is_not_searched_twice(cache: Cache) -> None:
    source = Counting()
    first, second = verify(source, cache), verify(source, cache)
    assert first.canonical() == second.canonical()
    assert source.searches == 1


def test_another_question_answer_or_version_is_searched_anew(cache: Cache) -> None:
    source = Counting()
    verify(source, cache)
    verify(source, cache, question="Who?")
    verify(source, cache, text=TEXT + " ")
    source.version = "2"
    verify(source, cache)
    assert source.searches == 4


def test_each_of_two_sources_of_one_name_counts(cache: Cache) -> None:
    first, second = Counting("1"), Counting("2")
    verify_answer("", TEXT, sources=[first.open(), second.open()], cache=cache)
    first.version = "3"
    verify_answer("", TEXT, sources=[first.open(), second.open()], cache=cache)
    assert first.searches == 2


def test_a_failed_check_is_tried_again(cache: Cache) -> None:
    source = Counting(fails=True)
    assert verify(source, cache).counts["check_failed"] == 1
    source.fails = False
    assert verify(source, cache).counts["supported"] == 1


def test_a_damaged_report_is_made_anew(cache: Cache) -> None:
    source = Counting()
    verify(source, cache)
    (path,) = cache.folder.iterdir()
    path.write_text(path.read_text().replace("Tim Cook", "Tom Cook"))
    assert verify(source, cache).counts["supported"] == 1
    assert source.searches == 2


def test_where_nothing_can_be_written_the_report_is_made_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    with caplog.at_level("WARNING", logger="emendo.verify"):
        assert verify(Counting(), Cache(folder=tmp_path / "file" / "reports")).counts["supported"] == 1
    assert "not kept" in caplog.text


def test_a_full_disk_leaves_no_half_of_a_report(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(source: str, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with caplog.at_level("WARNING", logger="emendo.verify"):
        assert verify(Counting(), cache).counts["supported"] == 1
    assert "No space left on device" in caplog.text
    assert list(cache.folder.iterdir()) == []
