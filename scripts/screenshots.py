"""Saves pictures of the page, on a desktop, on a phone and dark, from a real server with the embedded model.

    python scripts/screenshots.py [FOLDER]

They go to docs/images unless a folder is given. The page must be built (`make web`), and chromium installed.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "browser"))
from visit import FLAGS, Visit, served  # noqa: E402 - what the tests of the page use

QUESTION = "What is the capital of California?"


def main(folder: Path) -> None:
    """Take every picture of one story."""
    folder.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=120_000)
    with served(Path(tempfile.mkdtemp())) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        visit = Visit(browser, address, width=1280, height=760)
        page = visit.page
        visit.ask(QUESTION)
        visit.select("Los Angeles", 1)
        page.get_by_role("button", name="Fix it here").click()
        page.get_by_label("New answer").fill("Sacramento")
        page.get_by_role("button", name="Preview").click()
        page.get_by_label("Reason").fill("Sacramento has been the capital since 1854")
        page.screenshot(path=folder / "edit.png")
        page.get_by_role("button", name="Commit").click()
        expect(page.locator("[data-answer]:not(.live)").last).to_contain_text("Sacramento")
        page.get_by_role("button", name="Trace it").click()
        expect(page.get_by_role("button", name=re.compile("Edit at layer"))).to_be_visible()
        for button in page.get_by_role("button", name="Check").all():
            button.click()
        expect(page.get_by_role("button", name=re.compile("supported"))).to_be_visible()
        expect(page.locator("section.canaries")).to_contain_text("good")
        page.screenshot(path=folder / "desktop.png")
        visit.close()
        for name, width, height, scheme in (("phone", 390, 780, "light"), ("dark", 1280, 760, "dark")):
            visit = Visit(browser, address, width=width, height=height, scheme=scheme)
            visit.ask(QUESTION)
            visit.page.screenshot(path=folder / f"{name}.png")
            visit.close()
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images")
