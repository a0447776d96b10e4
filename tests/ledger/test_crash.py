"""Whatever kills a writer, the ledger stays readable and what was committed stays whole."""

from __future__ import annotations

import errno
import multiprocessing
import os
import random
import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest
from handmade import commit_all, make_patch

from emendo.errors import LedgerError
from emendo.ledger import Ledger, Patch
from emendo.models import EditableModel

# What a commit asks of the operating system, in whichever order.
STEPS = ("open", "write", "fsync", "ftruncate", "rename", "replace", "mkdir", "close", "rmdir", "unlink")
COUNT = 8


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Starts processes that have Emendo imported but share no thread with the tests."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["emendo.ledger"])
    return context


@pytest.fixture(scope="module")
def patches(tiny: EditableModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of patches, each with a name that sorts where it belongs."""
    folder = tmp_path_factory.mktemp("patches")
    for seed in range(COUNT):
        make_patch(tiny, seed).write(folder / f"{seed:02}")
    return folder


def _on_step(action: Callable[[int, str, Callable[..., Any], tuple[Any, ...]], Any]) -> None:
    """Call `action(n, name, function, arguments)` at the n-th step of this process."""
    count = 0

    def watch(name: str) -> None:
        function = getattr(os, name)

        def step(*arguments: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            action(count, name, function, arguments)
            return function(*arguments, **options)

        setattr(os, name, step)

    for name in STEPS:
        watch(name)


def _fork(task: Callable[[], None]) -> int:
    """The id of a copy of this process that does a task and exits."""
    process = os.fork()
    if process == 0:
        task()
        os._exit(0)
    return process


def _kill_at_every_step(root: Path, patches: Path, report: Any) -> None:
    """Commit to one ledger after another and be killed at its first step, its second and so on; report the last."""

    def commit_and_die(fatal: int) -> None:
        def action(count: int, name: str, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
            if count == fatal:
                if name == "write":
                    function(arguments[0], arguments[1][: len(arguments[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)

        _on_step(action)
        commit_all(root / f"{fatal:03}", patches)

    for fatal in range(1, 1000):
        _, status = os.waitpid(_fork(lambda fatal=fatal: commit_and_die(fatal)), 0)
        if not os.WIFSIGNALED(status):
            report.send((fatal, os.WEXITSTATUS(status)))
            return


def _kill_at_moments(root: Path, patches: Path, moments: list[tuple[int, float]], report: Any) -> None:
    """Commit to one ledger after another on a slow disk, and be killed so many commits and seconds after the start.

    For each, the number of commits that had returned is reported.
    """

    def commit_slowly(ledger: Path, done: int) -> None:
        def action(count: int, name: str, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
            if name == "fsync":
                time.sleep(0.001)

        write = os.write
        _on_step(action)
        for folder in sorted(patches.iterdir()):
            patch = Patch.read(folder)
            Ledger.of_digest(patch.base.digest, patch.base.name, ledger).commit(patch)
            write(done, b".")

    for attempt, (commits, seconds) in enumerate(moments):
        receiver, sender = os.pipe()
        process = _fork(lambda to=root / f"{attempt:03}", done=sender: commit_slowly(to, done))
        os.close(sender)
        returned = 0
        while returned < commits:
            returned += len(os.read(receiver, 1))
        time.sleep(seconds)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        report.send(returned + len(os.read(receiver, COUNT)))
        os.close(receiver)


def _check_whole(tiny: EditableModel, ledger: Path, patches: Path, at_least: int = 0) -> int:
    """Read everything, and return how many edits are in force."""
    history = Ledger.open(tiny, ledger)
    in_force = history.patches()
    expected = [Patch.read(folder).delta.digest for folder in sorted(patches.iterdir())]
    assert [patch.delta.digest for patch in in_force] == expected[: len(in_force)]
    assert len(in_force) >= at_least
    assert history.revision().id == history.at().revision
    return len(in_force)


def test_killed_at_every_step_of_a_commit(
    tiny: EditableModel, patches: Path, tmp_path: Path, processes: ForkServerContext
) -> None:
    one, root = tmp_path / "one", tmp_path / "ledgers"
    one.mkdir()
    (one / "00").symlink_to(patches / "00", target_is_directory=True)
    receiver, sender = processes.Pipe(duplex=False)
    processes.Process(target=_kill_at_every_step, args=(root, one, sender)).start()
    last, exit_code = receiver.recv()
    assert exit_code == 0
    outcomes = []
    for fatal in range(1, last + 1):
        ledger = root / f"{fatal:03}"
        outcomes.append(_check_whole(tiny, ledger, one))
        if outcomes[-1] == 0:
            again = Ledger.open(tiny, ledger).commit(Patch.read(one / "00"))
            assert again.number == _check_whole(tiny, ledger, one) == 1
    assert len(outcomes) > 20
    assert outcomes == sorted(outcomes)
    assert set(outcomes) == {0, 1}


def test_killed_at_any_moment_25_times(
    tiny: EditableModel, patches: Path, tmp_path: Path, processes: ForkServerContext
) -> None:
    chance = random.Random(0)
    moments = [(chance.randrange(COUNT), chance.random() * 0.03) for _ in range(25)]
    receiver, sender = processes.Pipe(duplex=False)
    processes.Process(target=_kill_at_moments, args=(tmp_path, patches, moments, sender)).start()
    seen = set()
    for attempt in range(len(moments)):
        returned = receiver.recv()
        seen.add(_check_whole(tiny, tmp_path / f"{attempt:03}", patches, at_least=returned))
    assert len(seen) > 5


def test_two_writers_at_once_lose_nothing(
    tiny: EditableModel, patches: Path, tmp_path: Path, processes: ForkServerContext
) -> None:
    halves = []
    for side in (0, 1):
        half = tmp_path / f"half-{side}"
        half.mkdir()
        for folder in sorted(patches.iterdir())[side::2]:
            (half / folder.name).symlink_to(folder, target_is_directory=True)
        halves.append(processes.Process(target=commit_all, args=(tmp_path / "ledger", half)))
    for process in halves:
        process.start()
    for process in halves:
        process.join()
        assert process.exitcode == 0
    history = Ledger.open(tiny, tmp_path / "ledger")
    assert [entry.number for entry in history.entries()] == list(range(1, COUNT + 1))
    assert {patch.id for patch in history.patches()} == {Patch.read(folder).id for folder in patches.iterdir()}


@contextmanager
def _files_at_most(size: int) -> Iterator[None]:
    """No file of this process may grow beyond a size, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_the_ledger_as_it_was(tiny: EditableModel, patches: Path, tmp_path: Path) -> None:
    commit_all(tmp_path, patches)
    history, patch = Ledger.open(tiny, tmp_path), make_patch(tiny, 99)
    before = history.at()
    journal = tmp_path / "ledger.jsonl"
    size = journal.stat().st_size
    # First the patch does not fit, then only a part of the entry does.
    for room in (0, 100, 1500, size, size + 1, size + 500):
        with _files_at_most(room), pytest.raises(LedgerError, match="nothing was recorded") as caught:
            history.commit(patch)
        assert "File too large" in str(caught.value)
        assert (journal.stat().st_size, history.at()) == (size, before)
    with _files_at_most(size + 500), pytest.raises(LedgerError, match="nothing was recorded"):
        history.revert(list(range(1, COUNT + 1)), "Ada", "x" * 500)
    assert history.at() == before
    history.commit(patch)
    assert len(history.at().in_force) == COUNT + 1
    assert history.uncommitted() == []


def test_a_disk_that_fills_up_while_syncing_leaves_the_ledger_as_it_was(
    tiny: EditableModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patch, sync = make_patch(tiny), os.fsync
    count, fatal = 0, -1

    def fsync(descriptor: int) -> None:
        nonlocal count
        count += 1
        if count == fatal:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    Ledger.open(tiny, tmp_path / "well").commit(patch)
    total = count
    assert total > 5
    for fatal in range(1, total + 1):
        count, history = 0, Ledger.open(tiny, tmp_path / f"full-{fatal}")
        with pytest.raises(LedgerError, match="No space left on device"):
            history.commit(patch)
        assert history.at().in_force == ()
        assert history.commit(patch).number == 1
