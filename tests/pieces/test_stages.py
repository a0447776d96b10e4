"""Evaluation and second moments, computed by several processes as by this one, to the bit."""

from __future__ import annotations

import multiprocessing
import threading
import time
from pathlib import Path

import pytest
import torch
from stages import cases, moments, report

from emendo.errors import InvalidRequest, ModelUnavailable
from emendo.evaluate import evaluate
from emendo.evaluate.probe import probe
from emendo.models import EditableModel, load_again, loaded_from
from emendo.pieces import Crew

INLINE, POOL = Crew.of(threads=1), Crew.of("processes", workers=2, threads=1)


def test_a_pool_reports_what_one_process_reports_though_a_worker_is_killed(saved: EditableModel, tmp_path: Path) -> None:
    killed: list[int | None] = []

    def kill_one_once_something_is_done() -> None:
        while not list((tmp_path / "work").glob("[!.]*")):
            time.sleep(0.002)
        worker, *_ = multiprocessing.active_children()
        worker.kill()
        killed.append(worker.pid)

    alone = report(saved, tmp_path / "one", INLINE)
    killer = threading.Thread(target=kill_one_once_something_is_done, daemon=True)
    killer.start()
    together = report(saved, tmp_path / "other", POOL, work=tmp_path / "work")
    killer.join()
    assert killed
    assert together == alone
    assert len(list((tmp_path / "work").iterdir())) == 8, "four cases, as they are and edited"
    assert alone.edited_values != alone.unedited_values
    assert not multiprocessing.active_children()

    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "work").iterdir()}
    assert report(saved, tmp_path / "other", INLINE, work=tmp_path / "work") == alone
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "work").iterdir()} == files


def test_second_moments_are_the_same_to_the_bit_and_leave_no_sums_behind(saved: EditableModel, tmp_path: Path) -> None:
    alone, together = moments(saved, tmp_path / "one", INLINE), moments(saved, tmp_path / "other", POOL)
    assert all(torch.equal(alone[layer], together[layer]) for layer in (0, 2))
    assert all(torch.equal(matrix, matrix.T) for matrix in alone.values())
    for home in ("one", "other"):
        assert sorted(path.suffix for path in (tmp_path / home / "second_moments").iterdir()) == [".safetensors"] * 2


def test_second_moments_that_were_interrupted_go_on(saved: EditableModel, tmp_path: Path) -> None:
    whole = moments(saved, None, INLINE)
    with pytest.raises(KeyboardInterrupt):
        moments(saved, tmp_path, INLINE, stop_at=6000)
    (kept,) = {path.parent for path in tmp_path.rglob("*") if path.is_file()}
    assert len(list(kept.iterdir())) == 2
    resumed = moments(saved, tmp_path, INLINE)
    assert all(torch.equal(whole[layer], resumed[layer]) for layer in whole)
    assert not kept.exists()


def test_a_sweep_measures_its_candidates_by_a_pool(saved: EditableModel, tmp_path: Path) -> None:
    def sweep(crew: Crew) -> list[tuple[object, ...]]:
        found = probe(
            saved,
            cases(),
            method="ft_m",
            layers=[(1,), (2,)],
            home=tmp_path / crew.executor,
            executor=crew.executor,
            workers=crew.workers,
            threads=1,
        )
        assert found.best in found.candidates
        return [(c.settings, c.merit, c.figures, c.relative_norm, c.refused) for c in found.candidates]

    assert sweep(POOL) == sweep(INLINE)


def test_what_other_processes_cannot_compute_is_refused(tiny: EditableModel, saved: EditableModel, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="was made in this process"):
        evaluate(tiny, cases(), method="in_context", executor="processes")
    with pytest.raises(InvalidRequest, match="which the executor 'processes' cannot call"):
        evaluate(saved, cases(), compute=lambda requests: [], executor="processes")


def test_a_worker_that_finds_other_weights_says_so(saved: EditableModel) -> None:
    assert load_again(loaded_from(saved), saved.digest).digest == saved.digest
    with pytest.raises(ModelUnavailable, match="has other weights here"):
        load_again(loaded_from(saved), "0" * 64)
