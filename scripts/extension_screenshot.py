"""Saves a picture of the browser's extension at work, on a page of our own, against a real server.

    python scripts/extension_screenshot.py [FOLDER]

It goes to docs/images unless a folder is given. The extension must be built (`make extension`), and chromium installed.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "browser"))
from extension_visit import SITES, ChatPage, extended, fixture, save_server  # noqa: E402 - what its tests use
from visit import TOKEN, served  # noqa: E402


def main(folder: Path) -> None:
    """Take the picture."""
    folder.mkdir(parents=True, exist_ok=True)
    profile, path = Path(tempfile.mkdtemp()), str(shutil.which("chromium"))
    with (
        served(Path(tempfile.mkdtemp())) as address,
        sync_playwright() as playwright,
        extended(playwright, path, profile) as context,
    ):
        save_server(context, f"{address}/#token={TOKEN}")
        chat = ChatPage(context, SITES["chatgpt"][0], fixture("chatgpt").replace("🌴 ", ""))
        chat.wait_for("2 refuted")
        chat.press("^Checked")
        chat.point_at("Los Angeles")
        chat.wait_for("% sure")
        chat.page.screenshot(path=folder / "extension.png")
        chat.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images")
