"""The story without a mouse: ask, stop, search, edit, look, take back."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect
from visit import Visit, asking

pytestmark = [pytest.mark.real, pytest.mark.browser]
MOST_TABS = 80


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what has the focus is called so, as a screen reader would call it."""
    seen = []
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        called = page.evaluate(
            """() => {
                const now = document.activeElement;
                return now.getAttribute('aria-label') || now.labels?.[0]?.innerText || now.innerText || '';
            }"""
        )
        if re.search(name, called):
            return
        seen.append(called)
    pytest.fail(f"Tab does not lead to '{name}', but to {seen}")


def test_the_whole_story_without_a_mouse(chromium: Browser, address: str) -> None:
    visit = Visit(chromium, address)
    page, keys = visit.page, visit.page.keyboard
    panes = page.locator("[data-answer]")

    # The field has the focus. Shift-Enter begins a line, Enter sends, Escape stops.
    keys.type("Write a very long story")
    keys.press("Shift+Enter")
    keys.type("about a whale.")
    expect(page.get_by_role("textbox", name="Message")).to_have_value("Write a very long story\nabout a whale.")
    keys.press("Enter")
    expect(page.locator("[data-answer].live").last).to_contain_text(re.compile(r"\w+"))
    keys.press("Escape")
    expect(page.locator("[data-answer].live")).to_have_count(0)

    # Ctrl-K finds what was said, and does things by their name; Escape closes it.
    keys.press("Control+k")
    keys.type("whale")
    expect(page.get_by_role("option", name=re.compile("whale"))).to_be_visible()
    keys.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    keys.press("Control+k")
    keys.type("new chat")
    keys.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("New chat")
    keys.type("What is the capital of California?")
    keys.press("Enter")
    expect(page.locator("[data-answer]:not(.live)")).to_have_count(2)
    expect(panes.last).to_contain_text("Los Angeles")

    # An edit: the subject is picked among tokens with arrow keys.
    keys.press("Control+k")
    keys.type("edit a fact")
    keys.press("Enter")
    tab_to(page, "Sentence")
    keys.type("The capital of California is")
    expect(page.get_by_role("option", name="California")).to_be_visible()
    tab_to(page, "The")
    for _ in range(3):
        keys.press("ArrowRight")
    expect(page.get_by_role("option", name="California")).to_have_attribute("aria-selected", "true")
    tab_to(page, "New answer")
    keys.type("Sacramento")
    keys.press("Enter")
    expect(page.get_by_role("slider", name="Strength")).to_be_visible()
    tab_to(page, "Strength")
    keys.press("ArrowRight")
    keys.press("ArrowLeft")
    expect(page.get_by_role("slider", name="Strength")).to_have_value("1")
    tab_to(page, "Reason")
    keys.type("it has been since 1854")
    keys.press("Enter")
    expect(page.get_by_text(re.compile(r"Edit #\d+ is in force"))).to_be_visible()

    # A trace, whose map is walked with arrow keys.
    tab_to(page, "Trace it")
    keys.press("Enter")
    expect(page.get_by_role("button", name=re.compile("Edit at layer"))).to_be_visible()
    tab_to(page, "Heat map")
    readout = page.locator("#readout")
    keys.press("Home")
    keys.press("ArrowRight")
    expect(readout).to_contain_text(re.compile("Locked .*layer 1:"))
    keys.press("ArrowLeft")
    keys.press("ArrowDown")
    expect(readout).to_contain_text(re.compile("Locked .*layer 0:"))
    keys.press("Enter")
    expect(readout).not_to_contain_text("Locked")
    tab_to(page, "Show as table")
    keys.press("Enter")
    expect(page.get_by_role("table")).to_be_visible()

    # Taken back in the ledger; Escape closes the column and the composer can be written in.
    keys.press("Control+k")
    keys.type("ledger")
    keys.press("Enter")
    tab_to(page, "Edit #1 in force")
    keys.press("Space")
    expect(page.get_by_role("switch", name="Edit #1 in force")).not_to_be_checked()
    keys.press("Escape")
    expect(page.get_by_role("complementary", name="Inspector")).to_have_count(0)
    with asking(visit.address) as client:
        edit, revert = client.get("/models/smollm2-135m/ledger").json()["entries"]
    assert (edit["why"], edit["in_force"], revert["reverts"]) == ("it has been since 1854", False, [1])
    visit.close()
