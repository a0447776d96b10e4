"""What every page of this kind has to do: small screens, and text that means harm."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect
from seeding import HOSTILE, TITLE
from visit import Visit

pytestmark = [pytest.mark.real, pytest.mark.browser]


def test_a_phone_shows_one_column_that_scrolls_in_one_direction(chromium: Browser, edited: str) -> None:
    visit = Visit(chromium, edited, width=390, height=780)
    visit.ask("What is the capital of France?")
    expect(visit.page.locator("[data-answer]").first).to_be_visible()
    assert visit.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    visit.close()


def test_hostile_text_stays_text_and_fetches_nothing(chromium: Browser, edited: str) -> None:
    visit = Visit(chromium, edited)
    dialogs: list[str] = []
    visit.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    visit.ask(HOSTILE)
    visit.page.get_by_role("button", name=TITLE, exact=True).click()
    expect(visit.page.get_by_text("image: far").first).to_be_visible()
    assert visit.page.locator("main img[src^='http'], main script, main [onerror], main a[href^='javascript']").count() == 0
    assert dialogs == []
    visit.close()


def test_a_conversation_that_is_left_while_it_scrolls_is_left_quietly(chromium: Browser, edited: str) -> None:
    visit = Visit(chromium, edited)
    visit.page.get_by_role("button", name=TITLE, exact=True).click()
    expect(visit.page.get_by_text("image: far").first).to_be_visible()
    # The page is told of the scroll in the next frame; by then the conversation is gone.
    visit.page.evaluate(
        """() => {
            const thread = document.querySelector("[role=log]");
            thread.scrollTop = thread.scrollTop > 0 ? 0 : thread.scrollHeight;
            [...document.querySelectorAll("button")].find(button => button.textContent.includes("New chat")).click();
        }"""
    )
    expect(visit.page.get_by_role("log")).to_have_count(0)
    visit.page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    visit.close()
