"""axe finds no violation in any view of the page, light or dark, on a desktop or a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect
from seeding import TITLE
from visit import Visit, violations

pytestmark = [pytest.mark.real, pytest.mark.browser]


# A colour on its way to another is neither.
_SETTLED = """async () => {
    await new Promise(requestAnimationFrame);
    const ends = document.getAnimations().filter(one => one.effect.getComputedTiming().iterations !== Infinity);
    await Promise.allSettled(ends.map(one => one.finished));
}"""


class Inspection:
    """What axe finds wrong with the views that it is shown, each in both themes."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.views: list[str] = []
        self.found: dict[str, list[str]] = {}

    def look(self, view: str) -> None:
        """Hold the page as it is against axe's rules."""
        self.views.append(view)
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
            self.page.evaluate(_SETTLED)
            wrong = violations(self.page)
            if wrong:
                self.found[f"{view}, {scheme}"] = wrong


def open_rivers(page: Page) -> None:
    """Go to the conversation that was there from the beginning."""
    page.keyboard.press("Control+k")
    page.keyboard.type("carry")
    page.get_by_role("option", name=re.compile(TITLE)).click()


def test_the_chat_and_what_opens_over_it(chromium: Browser, edited: str) -> None:
    visit = Visit(chromium, edited)
    page, axe = visit.page, Inspection(visit.page)
    axe.look("empty")
    visit.ask("What is the capital of California?")
    expect(page.get_by_role("button", name=re.compile("edited on purpose")).first).to_be_visible()
    axe.look("twin answers with verdicts")
    for menu in ("Model and revision", "Replay at another revision", "More about What is"):
        page.get_by_role("button", name=re.compile(menu)).first.click()
        axe.look(menu)
        page.keyboard.press("Escape")
    page.get_by_role("button", name="Edit message").click()
    axe.look("a message that is changed")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Reproduce with curl or Python").first.click()
    axe.look("reproduce")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    axe.look("palette")
    page.keyboard.type("carry")
    expect(page.get_by_role("option", name=re.compile(TITLE))).to_be_visible()
    axe.look("palette that has found something")
    page.keyboard.type(" nothing like it")
    expect(page.get_by_text("Nothing was said about")).to_be_visible()
    axe.look("palette that has found nothing")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Settings").click()
    axe.look("settings")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Original and edited side by side").click()
    open_rivers(page)
    axe.look("Markdown")
    visit.select("silt", 0)
    expect(page.get_by_role("button", name="Fix it here")).to_be_visible()
    axe.look("fix it here")
    assert (axe.found, len(axe.views)) == ({}, 13)
    visit.close()


def test_the_inspector(chromium: Browser, edited: str) -> None:
    visit = Visit(chromium, edited)
    page, axe = visit.page, Inspection(visit.page)
    page.get_by_role("button", name="Inspector").click()
    for tab in ("Trace", "Tokens", "Sources", "Facts"):
        page.get_by_role("tab", name=tab).click()
        axe.look(f"{tab}, empty")
    visit.ask("What is the capital of California?")
    page.get_by_role("button", name=re.compile("edited on purpose")).first.click()
    axe.look("sources with claims")
    page.get_by_role("tab", name="Tokens").click()
    page.get_by_role("listbox", name="Tokens of the answer").get_by_role("option").nth(2).click()
    page.get_by_role("button", name="Find out").click()
    expect(page.get_by_label("Blame")).to_contain_text("without it")
    axe.look("tokens and blame")
    page.get_by_role("tab", name="Facts").click()
    page.get_by_role("button", name=re.compile("#1 California")).click()
    axe.look("an entry of the ledger")
    page.get_by_role("button", name="Revert", exact=True).click()
    axe.look("an entry that is to be taken back")

    page.get_by_role("tab", name="Trace").click()
    page.get_by_label("Sentence").fill("The capital of France is")
    page.get_by_role("option", name="France").click()
    page.get_by_role("button", name="Trace", exact=True).click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    axe.look("a trace that runs")
    expect(page.get_by_role("button", name=re.compile("Edit at layer"))).to_be_visible()
    axe.look("heat map")
    page.get_by_role("button", name="Show as table").click()
    axe.look("heat map as table")

    page.get_by_role("button", name=re.compile("Edit at layer")).click()
    page.get_by_role("button", name="Let the method choose").click()
    page.get_by_label("New answer").fill("Lyon")
    axe.look("edit that is begun")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("progressbar", name="Computing the edit")).to_be_visible()
    axe.look("edit that is computed")
    page.get_by_label("Reason").fill("for a test")
    page.get_by_text("Neighbours: facts that should stay").click()
    axe.look("preview")
    page.get_by_role("button", name="Commit").click()
    expect(page.get_by_text(re.compile(r"Edit #\d+ is in force"))).to_be_visible()
    axe.look("committed")
    strip = page.get_by_label("Canaries", exact=True)
    strip.get_by_role("button", name=re.compile(r"Canaries: \d")).click()
    axe.look("canaries")
    assert (axe.found, len(axe.views)) == ({}, 16)
    visit.close()


def test_a_phone(chromium: Browser, edited: str) -> None:
    visit = Visit(chromium, edited, width=390, height=780)
    page, axe = visit.page, Inspection(visit.page)
    axe.look("empty")
    visit.ask("What is the capital of California?")
    axe.look("twin answers")
    page.get_by_role("button", name="Show conversations").click()
    axe.look("conversations")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Inspector").click()
    for tab in ("Facts", "Trace", "Tokens", "Sources"):
        page.get_by_role("tab", name=tab).click()
        axe.look(tab)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="Close the inspector").click()
    page.keyboard.press("Control+k")
    axe.look("palette")
    page.keyboard.press("Escape")
    assert (axe.found, len(axe.views)) == ({}, 8)
    visit.close()
