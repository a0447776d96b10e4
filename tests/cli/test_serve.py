"""`emendo serve`: what it refuses before it listens, what it prints, and what it then serves."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from emendo.cli.main import main


def fails(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    with pytest.raises(SystemExit) as stopped:
        main(["serve", *options])
    assert stopped.value.code == 2
    return " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.org"])  # noqa: S104 - it is refused
def test_other_machines_need_a_token(capsys: pytest.CaptureFixture[str], host: str) -> None:
    assert "a token must be given: add --token" in fails(capsys, "--host", host)


def test_a_ledger_goes_with_each_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert "There are 2 models and 1 ledgers" in fails(capsys, "--model", "a", "--model", "b", "--ledger", "c")


def test_a_taken_port_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert "choose another with --port" in fails(capsys, "--port", str(taken.getsockname()[1]))


def test_an_unknown_model_is_a_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "nowhere" in fails(capsys, "--port", "0", "--model", str(tmp_path / "nowhere"))


def test_it_prints_a_link_with_a_random_token_that_opens_it(folder: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "EMENDO_HOME": str(tmp_path), "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "emendo", "serve", "--port", "0", "--model", str(folder), "--who", "Ada"]
    tokens = set()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stdout is not None
        try:
            link, key, models = (server.stdout.readline() for _ in range(3))
            address, token = re.findall(r"(http://127\.0\.0\.1:\d+)/#token=(\S+)", link)[0]
            tokens.add(token)
            assert len(token) >= 32
            with httpx.Client(base_url=address, transport=httpx.HTTPTransport(retries=20)) as client:
                state = client.get("/api/state", headers={"Authorization": f"Bearer {token}"}).json()
                assert (state["who"], state["may_edit"]) == ("Ada", True)
                assert [model["id"] for model in state["models"]] == ["tiny"]
                assert str(tmp_path) not in str(state)
                chat = re.findall(r"key (\S+),", key)[0]
                assert client.get("/api/state", headers={"Authorization": f"Bearer {chat}"}).json()["may_edit"] is False
            assert "tiny" in models
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(20)
    assert (tmp_path / "conversations.sqlite").exists()
