"""What everyone expects of a chat: words as they come, Markdown, settings, again, search, and a server that comes back."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Route, expect
from seeding import TITLE
from visit import Visit, asking, served

pytestmark = [pytest.mark.real, pytest.mark.browser]


@pytest.fixture
def visit(chromium: Browser, edited: str) -> Iterator[Visit]:
    """A page where nothing was asked."""
    opened = Visit(chromium, edited)
    yield opened
    opened.close()


def test_words_stream_in_and_a_stop_stops_the_server(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("textbox", name="Message").fill("Write a very long story about a whale.")
    page.keyboard.press("Enter")
    for pane in (0, 1):
        expect(page.locator("[data-answer].live").nth(pane)).to_contain_text(re.compile(r"(\w+\W+){4}"))
    page.keyboard.press("Escape")
    expect(page.locator("[data-answer].live")).to_have_count(0)
    expect(page.get_by_text("stopped").first).to_be_visible()
    # It hears of it soon, long before the answers would have come to their end.
    until = time.monotonic() + 2
    while httpx.get(f"{visit.address}/health").json()["questions"]:
        assert time.monotonic() < until, "the server goes on answering"
        time.sleep(0.1)


def test_what_is_sent_before_the_page_knows_its_models_and_its_conversation_is_answered_there(visit: Visit) -> None:
    def late(route: Route) -> None:
        visit.page.wait_for_timeout(1000)
        route.continue_()

    visit.ask("Hi")
    visit.page.route("**/api/state", late)
    visit.page.route(re.compile("/api/conversations/[^/]+$"), late)
    visit.page.reload()
    visit.page.get_by_role("textbox", name="Message").fill("And in French?")
    visit.page.keyboard.press("Enter")
    expect(visit.page.locator("[data-answer]:not(.live)")).to_have_count(4)


def test_a_conversation_is_found_by_its_words_and_drawn_as_markdown(visit: Visit) -> None:
    page = visit.page
    page.keyboard.press("Control+k")
    page.keyboard.type("carry")
    page.get_by_role("option", name=re.compile(TITLE)).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(TITLE)
    first = page.locator("[data-answer]").first
    expect(first.get_by_role("cell", name="6650")).to_be_visible()
    expect(first.get_by_role("link", name="more")).to_have_attribute("href", "https://rivers.example/")
    expect(first.locator("strong")).to_have_text("silt")
    visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
    first.get_by_role("button", name="Copy code").click()
    page.wait_for_function(
        "text => navigator.clipboard.readText().then((copied) => copied === text)", arg='print("a river")'
    )
    expect(page.get_by_text("tokens/s").first).to_be_visible()


def test_settings_reach_the_answer_and_the_same_seed_says_the_same(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("button", name="Settings").click()
    expect(page.get_by_label("Longest answer")).to_have_attribute("placeholder", "512 (default)")
    page.get_by_label("System prompt").fill("You are a pirate.")
    for label, value in (("Temperature", "1.2"), ("Longest answer", "8"), ("Seed", "7"), ("Top p", "0.9")):
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_label("Stop before").fill("parrot")
    page.get_by_role("button", name="Save").click()
    visit.ask("Who are you?")
    said = visit.words()
    page.get_by_role("button", name="Regenerate").click()
    expect(page.get_by_label("Versions")).to_contain_text("2/2")
    expect(page.locator("[data-answer].live")).to_have_count(0)
    assert visit.words() == said

    with asking(visit.address) as client:
        whole = client.get(f"/conversations/{page.url.split('#/c/')[1]}").json()
    assert whole["system"] == "You are a pirate."
    answers = [answer for message in whole["messages"] for answer in message["answers"]]
    assert len(answers) == 4
    for answer in answers:
        wanted = {"temperature": 1.2, "max_tokens": 8, "top_p": 0.9, "seed": 7, "stop": ["parrot"]}
        assert {name: answer["settings"][name] for name in wanted} == wanted
        assert (answer["seed"], len(answer["tokens"]) <= 8) == (7, True)

    page.get_by_role("button", name="Settings").click()
    expect(page.get_by_label("Temperature")).to_have_value("1.2")
    page.get_by_role("button", name="Defaults").click()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Settings").click()
    expect(page.get_by_label("Temperature")).to_have_value("")
    expect(page.get_by_label("System prompt")).to_have_value("")


def test_the_theme_that_was_chosen_stays(visit: Visit) -> None:
    page = visit.page
    for theme, dark in (("dark", True), ("light", False)):
        page.get_by_role("button", name="Settings").click()
        page.get_by_text(theme, exact=True).click()
        page.reload()
        page.get_by_role("textbox", name="Message").wait_for()
        (lightness,) = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/)")
        assert (int(lightness) < 128) == dark


def test_two_tabs_agree_on_the_ledger_and_the_list(visit: Visit, chromium: Browser) -> None:
    other = Visit(chromium, visit.address)
    for tab in (visit, other):
        tab.page.get_by_role("button", name="Inspector").click()
        expect(tab.page.get_by_role("switch", name="Edit #1 in force")).to_be_checked()
    visit.page.get_by_role("switch", name="Edit #1 in force").click()
    expect(other.page.get_by_role("switch", name="Edit #1 in force")).not_to_be_checked()
    other.page.get_by_role("switch", name="Edit #1 in force").click()
    expect(visit.page.get_by_role("switch", name="Edit #3 in force")).to_be_checked()
    visit.ask("What is the capital of Peru?")
    expect(other.page.get_by_role("navigation")).to_contain_text("What is the capital of Peru?")
    other.close()


def test_a_server_that_ends_and_comes_back_keeps_everything(chromium: Browser, edited_ledger: Path, tmp_path: Path) -> None:
    shutil.copytree(edited_ledger, tmp_path / "ledger")
    with served(tmp_path) as address:
        visit = Visit(chromium, address)
        visit.ask("What is the capital of California?")
        visit.page.get_by_role("textbox", name="Message").fill("What is the capital of Texas?")
    # Nobody is there, which is said once; what was written stays in its field.
    for _ in range(2):
        visit.page.keyboard.press("Enter")
        expect(visit.page.get_by_text("The server does not answer.")).to_have_count(1)
    expect(visit.page.get_by_role("textbox", name="Message")).to_have_value("What is the capital of Texas?")
    with served(tmp_path, port=urlsplit(address).port or 0):
        visit.page.reload()
        expect(visit.page.locator("[data-answer]")).to_contain_text(["Los Angeles", "Sacramento"])
        visit.page.get_by_role("textbox", name="Message").focus()
        visit.page.keyboard.press("Enter")
        expect(visit.page.locator("[data-answer]:not(.live)")).to_have_count(4)
        visit.page.get_by_role("button", name="Inspector").click()
        expect(visit.page.get_by_role("switch", name="Edit #1 in force")).to_be_checked()
        # The browser itself complains of the server that was away.
        visit.errors = [error for error in visit.errors if "ERR_" not in error]
        visit.close()
