"""Pieces: their order, what is kept, what is computed again, and what a dead worker costs, with every executor."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from arithmetic import computed, squares

from emendo.errors import InvalidRequest, PieceFailed, UnknownName
from emendo.pieces import EXECUTORS, Crew, forget_pieces, run_pieces
from emendo.pieces.worker import PieceError

INLINE, POOL = Crew.of(threads=1), Crew.of("processes", workers=2, threads=1)


@pytest.fixture(params=["inline", "processes"])
def crew(request: pytest.FixtureRequest) -> Crew:
    """One that needs no other package; Ray has a file of its own."""
    return {"inline": INLINE, "processes": POOL}[request.param]


def test_results_come_in_order_and_all_pieces_are_computed_once(crew: Crew, tmp_path: Path) -> None:
    work = squares(tmp_path / "marks", offset=1)
    results = list(run_pieces(work, [4, 2, 9], tmp_path / "kept", crew))
    assert [result["square"] for result in results] == [17, 5, 82]
    assert computed(tmp_path / "marks") == ["2-0", "4-0", "9-0"]


def test_a_second_run_computes_nothing(crew: Crew, tmp_path: Path) -> None:
    work = squares(tmp_path / "marks")
    first = list(run_pieces(work, [1, 2, 3], tmp_path / "kept", crew))
    told: list[tuple[int, int]] = []
    again = list(run_pieces(work, [1, 2, 3], tmp_path / "kept", crew, progress=lambda *step: told.append(step)))
    assert again == first
    assert told == [(3, 3)]
    assert computed(tmp_path / "marks") == ["1-0", "2-0", "3-0"]


def test_a_run_that_was_ended_goes_on_where_it_was(tmp_path: Path) -> None:
    work = squares(tmp_path / "marks")
    with closing(run_pieces(work, [1, 2, 3], tmp_path / "kept", INLINE)) as results:
        next(results)
        next(results)
    told: list[tuple[int, int]] = []
    results = run_pieces(work, [1, 2, 3], tmp_path / "kept", POOL, progress=lambda *step: told.append(step))
    assert [result["square"] for result in results] == [1, 4, 9]
    assert told == [(2, 3), (3, 3)]
    assert computed(tmp_path / "marks") == ["1-0", "2-0", "3-0"]


@pytest.mark.parametrize(
    "damage",
    [lambda data: data[:-1], lambda data: data[:20], lambda data: b"", lambda data: data.replace(b"4", b"5")],
    ids=["one byte short", "no header", "empty", "altered"],
)
def test_a_damaged_result_counts_as_missing(tmp_path: Path, damage) -> None:
    work, kept = squares(tmp_path / "marks"), tmp_path / "kept"
    first = list(run_pieces(work, [1, 2, 3], kept, INLINE))
    file = kept / work.address(2)
    file.write_bytes(damage(file.read_bytes()))
    assert list(run_pieces(work, [1, 2, 3], kept, INLINE)) == first
    assert computed(tmp_path / "marks") == ["1-0", "2-0", "2-1", "3-0"]


def test_a_killed_worker_is_replaced_and_its_piece_computed_again(tmp_path: Path) -> None:
    work = squares(tmp_path / "marks")
    pieces = [1, [2, "kill"], 3, [4, "kill"], 5, 6]
    results = list(run_pieces(work, pieces, tmp_path / "kept", POOL))
    assert [result["square"] for result in results] == [1, 4, 9, 16, 25, 36]
    assert computed(tmp_path / "marks") == ["1-0", "2-0", "2-1", "3-0", "4-0", "4-1", "5-0", "6-0"]


def test_a_piece_that_ends_every_worker_is_given_up_and_the_others_are_kept(tmp_path: Path) -> None:
    work = squares(tmp_path / "marks")
    one = Crew.of("processes", threads=1)
    with pytest.raises(PieceFailed, match=r"Piece 2 of the 2 .* ended its worker 3 times \(exit code -9\)"):
        list(run_pieces(work, [1, [2, "always"]], tmp_path / "kept", one))
    assert computed(tmp_path / "marks") == ["1-0", "2-0", "2-1", "2-2"]
    assert [result["square"] for result in run_pieces(work, [1], tmp_path / "kept", INLINE)] == [1]
    assert computed(tmp_path / "marks") == ["1-0", "2-0", "2-1", "2-2"]


def test_a_mistake_in_a_worker_is_the_same_mistake_here(crew: Crew, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"There is no number named 'sevn'\. Did you mean 'seven'\?"):
        list(run_pieces(squares(tmp_path / "marks"), [[1, "unknown"]], None, crew))


def test_a_fault_in_a_worker_is_told_with_its_traceback(tmp_path: Path) -> None:
    with pytest.raises(PieceError, match=r"(?s)arithmetic\.py.*ZeroDivisionError"):
        list(run_pieces(squares(tmp_path / "marks"), [[1, "bug"]], None, POOL))


def test_bytes_come_back_as_bytes(crew: Crew, tmp_path: Path) -> None:
    work = squares(tmp_path / "marks")
    for _ in range(2):
        assert list(run_pieces(work, [[3, "bytes"]], tmp_path / "kept", crew)) == [b"\x00\xff" * 3]
    assert computed(tmp_path / "marks") == ["3-0"]


def test_pieces_are_computed_with_the_threads_of_their_address(crew: Crew, tmp_path: Path) -> None:
    (result,) = run_pieces(squares(tmp_path / "marks", threads=2), [1], None, crew)
    assert result["threads"] == 2


def test_the_address_covers_all_but_where_things_lie(tmp_path: Path) -> None:
    work = squares(tmp_path / "marks")
    assert work.address({"a": 1, "b": 2}) == work.address({"b": 2, "a": 1})
    assert squares(tmp_path / "elsewhere").address(1) == work.address(1)
    others = {
        squares(tmp_path / "marks", offset=1).address(1),
        squares(tmp_path / "marks", threads=2).address(1),
        work.address(2),
    }
    assert len(others | {work.address(1)}) == 4


def test_results_are_deleted_when_they_are_no_longer_needed(tmp_path: Path) -> None:
    work, kept = squares(tmp_path / "marks"), tmp_path / "kept"
    list(run_pieces(work, [1, 2], kept, INLINE))
    forget_pieces(work, [1], kept)
    assert [path.name for path in kept.iterdir()] == [work.address(2)]
    forget_pieces(work, [1, 2], kept)
    assert not kept.exists()


def test_a_crew_is_what_was_asked_for() -> None:
    assert {"inline", "processes", "ray"} <= set(EXECUTORS.names())
    assert Crew.of().executor == "inline"
    assert Crew.of(workers=2).executor == "processes"
    assert Crew.of(workers=10_000).threads == 1
    with pytest.raises(UnknownName, match="Did you mean 'processes'"):
        Crew.of("process")
    with pytest.raises(InvalidRequest, match="one worker, and 2 were asked for"):
        Crew.of("inline", workers=2)
    with pytest.raises(InvalidRequest, match="at least one"):
        Crew.of(workers=0)
