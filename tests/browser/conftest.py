"""A real server with the embedded model, and Debian's chromium, which loads nothing from elsewhere."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from extension_visit import DIST, extended, save_server
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright
from seeding import write_conversation
from visit import FLAGS, TOKEN, put_in_force, served

from emendo.facts import EditRequest, Fact
from emendo.ledger import Ledger, Patch, Provenance
from emendo.models import ORIGINAL, load_model
from emendo.serve.app import STATIC
from tiny_models import random_delta


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


@pytest.fixture(scope="module")
def server_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's: a ledger with one edit, which says that the capital of Texas is Dallas; and what the server logs."""
    folder = tmp_path_factory.mktemp("server")
    model = load_model()
    request = EditRequest(fact=Fact(subject="Texas", prompt="The capital of {} is"), target_new="Dallas")
    how = Provenance(method="by hand", config={}, seed=0, layers=(1,), figures={}, who="Ada", why="a test")
    patch = Patch.make(model, random_delta(model, (1,), seed=0), [request], how, parent=ORIGINAL)
    Ledger.open(model, folder / "ledger").commit(patch)
    return folder


@pytest.fixture(scope="module")
def logging_address(server_folder: Path) -> Iterator[str]:
    """Where the server listens."""
    with served(server_folder, "--log-requests") as found:
        yield found


@pytest.fixture(scope="module")
def with_extension(logging_address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """Chromium with the extension, which knows the server."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    missing = "chromium is not installed ('apt-get install chromium')" if path is None else ""
    missing = missing or ("" if (DIST / "manifest.json").is_file() else "the extension is not built ('make extension')")
    if missing:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    expect.set_options(timeout=20_000)
    with sync_playwright() as playwright, extended(playwright, str(path), tmp_path_factory.mktemp("profile")) as context:
        assert "checked 1 of 1 checkable claims" in save_server(context, f"{logging_address}/#token={TOKEN}")
        yield context


@pytest.fixture
def settings(with_extension: BrowserContext) -> Iterator[None]:
    """A test that changes the settings leaves them as they were."""
    worker = with_extension.service_workers[0]
    before = worker.evaluate("chrome.storage.local.get('settings')")
    yield
    worker.evaluate("before => chrome.storage.local.set(before)", before)


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
