"""A real server with the embedded model, and Debian's chromium, which loads nothing from elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from visit import TOKEN

from emendo.serve.app import STATIC

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser; where it or the built page is missing, tests fail in CI and say how to get it elsewhere."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    missing = "chromium is not installed ('apt-get install chromium')" if path is None else ""
    missing = missing or ("" if (STATIC / "index.html").is_file() else "the page is not built ('make web')")
    if missing:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    # Edits and traces of the real model take their time.
    expect.set_options(timeout=60_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a server of `emendo serve` listens."""
    folder = tmp_path_factory.mktemp("server")
    told = folder / "told.txt"
    options = [
        "--port",
        "0",
        "--token",
        TOKEN,
        "--database",
        str(folder / "chats.sqlite"),
        "--ledger",
        str(folder / "ledger"),
    ]
    with told.open("w") as output:
        server = subprocess.Popen([sys.executable, "-m", "emendo", "serve", *options], stdout=output, stderr=output)
    try:
        until = time.monotonic() + 180
        while "#token=" not in told.read_text() and server.poll() is None and time.monotonic() < until:
            time.sleep(0.2)
        assert "#token=" in told.read_text(), told.read_text()
        found = told.read_text().split("http://")[1].split("/#")[0]
        while time.monotonic() < until:
            try:
                httpx.get(f"http://{found}/health", timeout=5)
                break
            except httpx.TransportError:
                time.sleep(0.2)
        yield f"http://{found}"
    finally:
        server.terminate()
        server.wait(timeout=30)
