"""The workers of a Ray cluster, or of this machine through Ray; needs ``pip install 'emendo[ray]'``.

The cluster that the program has joined already is used, else the one that ``RAY_ADDRESS`` names, else Ray is started on this
machine and stopped at the end. An actor is one worker; one that dies is replaced, and its piece is computed again. Weights and
``EMENDO_HOME`` must be found at the same paths everywhere.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from emendo.errors import InvalidRequest
from emendo.pieces.turns import Turns
from emendo.pieces.work import Work
from emendo.pieces.worker import Worker

IS_HERE = False


def run(work: Work, pieces: Sequence[Any], *, workers: int, context: Any) -> Iterator[tuple[int, bytes]]:
    """The number of each piece and its sealed result, as they come.

    Raises:
        PieceFailed: A piece ended its worker every time.
        InvalidRequest: Ray is not installed, or the cluster is too small.
        EmendoError: What a piece raised.
    """
    if not pieces:
        return
    try:
        import ray
    except ImportError as error:
        raise InvalidRequest(
            "The executor 'ray' needs the package ray, which is not installed; run pip install 'emendo[ray]'."
        ) from error
    with _cluster(ray, workers * work.threads):
        actor = ray.remote(Worker).options(**_resources(ray, workers, work.threads))
        turns = Turns(len(pieces))
        busy: dict[Any, tuple[Any, int]] = {}

        def start(worker: Any) -> None:
            number = turns.take()
            busy[worker.answer.remote(pieces[number])] = worker, number

        for _ in range(min(workers, len(pieces))):
            start(actor.remote(work))
        while busy:
            (reference,), _ = ray.wait(list(busy), num_returns=1)
            worker, number = busy.pop(reference)
            try:
                outcome = ray.get(reference)
            except ray.exceptions.RayActorError:
                turns.bury(number, "its actor died")
                start(actor.remote(work))
                continue
            if turns:
                start(worker)
            yield number, outcome.result()


@contextmanager
def _cluster(ray: Any, cpus: int) -> Iterator[None]:
    """Ray, while the context lasts."""
    if ray.is_initialized():
        yield
        return
    # Workers on this machine import what this program can import.
    paths = os.pathsep.join(os.path.abspath(path) for path in sys.path)  # noqa: PTH100 - an empty entry is the working folder
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if "RAY_ADDRESS" in os.environ:
        ray.init(**quiet)
    else:
        # Ray would tell its makers that it is used.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        there = {"env_vars": {"PYTHONPATH": paths}}
        ray.init(address="local", num_cpus=cpus, include_dashboard=False, runtime_env=there, **quiet)
    try:
        yield
    finally:
        ray.shutdown()


def _resources(ray: Any, workers: int, threads: int) -> dict[str, Any]:
    """What an actor takes: a CPU for each thread, and a GPU if there is one for every worker.

    Raises:
        InvalidRequest: The cluster has fewer CPUs than the workers want, so that they would wait for ever.
    """
    there = ray.cluster_resources()
    cpus = int(there.get("CPU", 0))
    if cpus < workers * threads:
        raise InvalidRequest(
            f"{workers} workers of {threads} threads want {workers * threads} CPUs, and the cluster has {cpus}; "
            "give fewer --workers, or set OMP_NUM_THREADS lower."
        )
    return {"num_cpus": threads, "num_gpus": 1 if there.get("GPU", 0) >= workers else 0, "max_restarts": 0}
