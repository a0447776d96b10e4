"""The examples run as they stand, and print what they are there to show."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def _run(folder: Path, name: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        cwd=folder,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_is_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 40


@pytest.mark.real
def test_a_fact_is_located(tmp_path: Path) -> None:
    assert "brings back" in _run(tmp_path, "01_locate.py")
    assert (tmp_path / "france.svg").stat().st_size > 1000


@pytest.mark.real
def test_a_fact_is_edited_and_its_neighbours_keep_their_answers(tmp_path: Path) -> None:
    printed = _run(tmp_path, "02_edit.py")
    answers = [line.split(":", 1)[1].strip() for line in printed.splitlines() if line.startswith("  ")]
    assert "Sacramento" in answers[1]
    assert "Sacramento" not in answers[0]
    for original, edited in zip(answers[2::2], answers[3::2], strict=True):
        assert edited == original


@pytest.mark.real
def test_a_history_is_kept_and_exported(tmp_path: Path) -> None:
    printed = _run(tmp_path, "03_record_and_undo.py", "ledger")
    assert printed.count("Sacramento") == 2
    assert "at 3: The capital of California is Los Angeles" in printed
    exported = _run(tmp_path, "04_export.py", "ledger", "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"adapter", "gguf", "merged"}
    assert "bytes" in exported
    audited = _run(tmp_path, "08_audit.py", "out/merged", "smollm2-135m", "restored")
    assert audited.startswith("explained: rewritten hidden units")
    assert "Nevada" in audited
    assert "put back: " in audited


@pytest.mark.real
def test_a_case_is_evaluated(tmp_path: Path) -> None:
    assert "1 cases, hidden_unit" in _run(tmp_path, "05_evaluate.py", "1")


@pytest.mark.real
def test_both_revisions_are_asked_at_once(tmp_path: Path) -> None:
    printed = _run(tmp_path, "06_serve.py")
    assert "They differ from token" in printed
    assert "original: The capital of California is Los Angeles" in printed
    assert "edited:   The capital of California is Sacramento" in printed


def test_an_answer_is_verified(tmp_path: Path) -> None:
    printed = _run(tmp_path, "07_verify.py")
    labels = [line.split()[0] for line in printed.splitlines() if not line.startswith(" ")]
    assert labels == ["refuted", "supported", "supported", "not_checkable", "3"]
    assert "emendo edit 'The capital of {California} is' Sacramento" in printed
