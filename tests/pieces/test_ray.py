"""The Ray executor on a real Ray of two workers on this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import torch
from arithmetic import computed, squares
from stages import moments, report

from emendo.errors import InvalidRequest, UnknownName
from emendo.models import EditableModel
from emendo.pieces import Crew, run_pieces

ray = pytest.importorskip("ray")
CREW = Crew.of("ray", workers=2, threads=1)


def test_a_ray_of_its_own_computes_in_order_replaces_a_killed_actor_and_is_stopped(tmp_path: Path) -> None:
    work = squares(tmp_path / "marks", offset=1)
    pieces = [3, [1, "kill"], 2, [4, "bytes"]]
    results = list(run_pieces(work, pieces, tmp_path / "kept", CREW))
    assert results == [
        {"square": 10, "threads": 1},
        {"square": 2, "threads": 1},
        {"square": 5, "threads": 1},
        b"\x00\xff" * 4,
    ]
    assert computed(tmp_path / "marks") == ["1-0", "1-1", "2-0", "3-0", "4-0"]
    assert not ray.is_initialized()
    # Nothing is left to compute, so Ray is not started again.
    assert list(run_pieces(work, pieces, tmp_path / "kept", CREW)) == results


def test_a_ray_that_is_there_is_used_and_left_running(saved: EditableModel, tmp_path: Path) -> None:
    there = {"env_vars": {"PYTHONPATH": os.pathsep.join(sys.path)}}
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=40, runtime_env=there)
    try:
        inline = Crew.of(threads=1)
        assert report(saved, tmp_path / "one", CREW) == report(saved, tmp_path / "other", inline)
        alone, together = moments(saved, None, inline), moments(saved, None, CREW)
        assert all(torch.equal(alone[layer], together[layer]) for layer in alone)
        with pytest.raises(UnknownName, match="Did you mean 'seven'"):
            list(run_pieces(squares(tmp_path / "marks"), [[1, "unknown"]], None, CREW))
        with pytest.raises(InvalidRequest, match="3 workers of 1 threads want 3 CPUs, and the cluster has 2"):
            list(run_pieces(squares(tmp_path / "marks"), [1, 2, 3], None, Crew.of("ray", workers=3, threads=1)))
        assert ray.is_initialized()
    finally:
        ray.shutdown()
