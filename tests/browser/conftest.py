"""A real server with the embedded model, and Debian's chromium, which loads nothing from elsewhere."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from seeding import write_conversation
from visit import FLAGS, put_in_force, served

from emendo.serve.app import STATIC


# Playwright keeps an event loop running in this thread, in which other tests start loops of their own: it ends with the module.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser; where it or the built page is missing, tests fail in CI and say how to get it elsewhere."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    missing = "chromium is not installed ('apt-get install chromium')" if path is None else ""
    missing = missing or ("" if (STATIC / "index.html").is_file() else "the page is not built ('make web')")
    if missing:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    # Edits and traces of the real model take their time, most of all where other programs want the processor too.
    expect.set_options(timeout=240_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a server of `emendo serve` listens."""
    with served(tmp_path_factory.mktemp("server")) as found:
        yield found


@pytest.fixture(scope="session")
def edited_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with one edit in force; to be copied."""
    folder = tmp_path_factory.mktemp("edited")
    with served(folder) as address:
        put_in_force(address)
    return folder / "ledger"


@pytest.fixture(scope="module")
def edited(edited_ledger: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a server listens that has one edit in force and a long conversation."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copytree(edited_ledger, folder / "ledger")
    write_conversation(folder / "chats.sqlite")
    with served(folder) as found:
        yield found
