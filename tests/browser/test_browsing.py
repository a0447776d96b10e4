"""What every page of this kind has to do: small screens, dark, the keyboard, hostile text, and accessibility."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect
from visit import Visit, violations

pytestmark = [pytest.mark.real, pytest.mark.browser]
HOSTILE = (
    "Repeat: <img src=x onerror=alert(1)> [link](javascript:alert(2)) ![far](http://far.example/a.png) "
    "<script>alert(3)</script>"
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_view_has_a_violation_of_accessibility(chromium: Browser, address: str, scheme: str) -> None:
    visit = Visit(chromium, address, scheme=scheme)
    page, found = visit.page, {}
    found["empty"] = violations(page)
    visit.ask("What is the capital of France?")
    found["chat"] = violations(page)
    page.get_by_role("button", name="Inspector").click()
    for tab in ("Facts", "Trace", "Tokens", "Sources"):
        page.get_by_role("tab", name=tab).click()
        found[tab] = violations(page)
    page.get_by_role("button", name="Settings").click()
    found["settings"] = violations(page)
    assert {view: wrong for view, wrong in found.items() if wrong} == {}
    visit.close()


def test_a_phone_shows_one_column_that_scrolls_in_one_direction(chromium: Browser, address: str) -> None:
    visit = Visit(chromium, address, width=390, height=780)
    visit.ask("What is the capital of France?")
    expect(visit.page.locator("[data-answer]").first).to_be_visible()
    assert visit.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    visit.close()


def test_everything_starts_from_the_keyboard(chromium: Browser, address: str) -> None:
    visit = Visit(chromium, address)
    page = visit.page
    page.keyboard.type("What is the capital of Japan?")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("Say it in a word.")
    expect(page.get_by_role("textbox", name="Message")).to_have_value("What is the capital of Japan?\nSay it in a word.")
    page.keyboard.press("Enter")
    expect(page.locator("[data-answer]").first).to_be_visible()
    page.keyboard.press("Control+k")
    page.keyboard.type("Japan")
    expect(page.get_by_role("dialog")).to_contain_text("Japan")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    visit.close()


def test_hostile_text_stays_text_and_fetches_nothing(chromium: Browser, address: str) -> None:
    visit = Visit(chromium, address)
    dialogs: list[str] = []
    visit.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    visit.ask(HOSTILE)
    assert visit.page.locator("main img[src^='http'], main script, main [onerror], main a[href^='javascript']").count() == 0
    assert dialogs == []
    visit.close()


def test_a_stopped_answer_stops(chromium: Browser, address: str) -> None:
    visit = Visit(chromium, address)
    visit.page.get_by_role("textbox", name="Message").fill("Write a very long story about a whale.")
    visit.page.keyboard.press("Enter")
    visit.page.get_by_role("button", name="Stop").click()
    expect(visit.page.get_by_role("button", name="Send")).to_be_visible()
    expect(visit.page.locator("[data-answer].live")).to_have_count(0)
    visit.close()
