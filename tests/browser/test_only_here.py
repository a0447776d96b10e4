"""What no other chat page has, and what every one has, after one edit; in chromium, with the embedded model."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from visit import TOKEN, Visit

pytestmark = [pytest.mark.real, pytest.mark.browser]
QUESTION = "What is the capital of California?"


@pytest.fixture
def visit(chromium: Browser, edited: str) -> Iterator[Visit]:
    """A page where the question was asked, of both revisions."""
    opened = Visit(chromium, edited)
    opened.ask(QUESTION)
    yield opened
    opened.close()


def walk_to(page: Page, word: str) -> None:
    """Go from the first token of the answer on show to the first with that word in it, by arrow key."""
    tokens = page.get_by_role("listbox", name="Tokens of the answer").get_by_role("option")
    tokens.first.focus()
    for _ in range(tokens.count()):
        if word in page.evaluate("document.activeElement.textContent"):
            return
        page.keyboard.press("ArrowRight")
    pytest.fail(f"no token holds '{word}'")


def printed(*command: str) -> str:
    """What a command prints that finds the token where a user keeps it."""
    environment = {**os.environ, "EMENDO_TOKEN": TOKEN}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=300).stdout


def test_the_panes_show_where_they_part_and_by_how_much(visit: Visit) -> None:
    marks = visit.page.locator("mark.differs")
    expect(marks).to_have_count(2)
    first, second = marks.all()
    assert first.inner_text() != second.inner_text()
    visit.page.get_by_role("button", name=re.compile(r"First difference at token \d+\. Largest divergence")).click()
    expect(visit.page.get_by_role("tab", name="Tokens")).to_have_attribute("aria-selected", "true")


def test_a_token_is_blamed_on_the_edit_that_moved_it_by_keyboard(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("button", name="Tokens", exact=True).last.press("Enter")
    walk_to(page, "Sac")
    page.get_by_role("button", name="Find out").press("Enter")
    expect(page.get_by_label("Blame")).to_contain_text(
        re.compile("#1.*California → Sacramento.*less likely by a factor of", re.S)
    )


def test_wrong_words_are_picked_by_keyboard_and_fill_the_edit_in(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("button", name="Fix a fact").first.press("Enter")
    walk_to(page, "Los")
    page.keyboard.press("Shift+ArrowRight")
    page.get_by_role("button", name="Fix “Los Angeles”").press("Enter")
    expect(page.get_by_label("Sentence")).to_have_value("The capital of California is")
    chosen = page.get_by_role("listbox", name=re.compile("Subject")).locator("[aria-selected=true]")
    expect(chosen).to_have_text(["California"])


def test_the_ledger_goes_back_in_time_and_an_answer_is_replayed_there(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("button", name="Inspector").click()
    slider = page.get_by_label("Back in time")
    slider.press("ArrowLeft")
    expect(page.get_by_label("Inspector").get_by_text("Los Angeles")).to_be_visible()
    slider.press("ArrowRight")
    page.get_by_role("button", name="Replay at another revision").click()
    page.get_by_role("menuitem", name=re.compile("Original")).click()
    expect(page.get_by_label("Versions")).to_contain_text("2/2")
    expect(page.locator("[data-answer]:not(.live)")).to_have_count(1)
    page.get_by_role("button", name="Previous version").click()
    expect(page.locator("[data-answer]")).to_have_count(2)


def test_a_sent_message_is_changed_and_both_versions_stay(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("button", name="Edit message").click()
    page.get_by_label("Change the message").fill("What is the capital of France?")
    page.get_by_role("button", name="Send", exact=True).first.click()
    expect(page.locator("[data-answer]:not(.live)").last).to_contain_text("Paris")
    page.get_by_role("button", name="Previous version").click()
    expect(page.locator("[data-answer]").last).to_contain_text("Sacramento")


def test_the_heat_map_is_walked_by_arrow_keys_and_saved(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("button", name="Inspector").click()
    page.get_by_role("tab", name="Trace").click()
    page.get_by_label("Sentence").fill("The capital of France is")
    page.get_by_role("option", name="France").click()
    page.get_by_role("button", name="Trace", exact=True).click()
    # Partial maps come first; the edit is offered once the whole is there.
    expect(page.get_by_role("button", name=re.compile("Edit at layer"))).to_be_visible()
    heat_map = page.get_by_role("application")
    heat_map.press("Home")
    heat_map.press("ArrowRight")
    expect(page.locator("#readout")).to_contain_text(re.compile("Locked .*layer 1:"))
    for kind in ("PNG", "SVG", "CSV"):
        page.get_by_role("button", name="Export", exact=True).click()
        with page.expect_download() as saved:
            page.get_by_role("menuitem", name=kind).click()
        assert saved.value.path().stat().st_size > 1000
    page.get_by_role("button", name="Edit at layer 1").click()
    expect(page.get_by_text("At layer 1, as chosen in the trace")).to_be_visible()


def test_canaries_are_sent_out_and_told_one_by_one(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("button", name="Inspector").click()
    switch = page.get_by_role("switch", name="Edit #1 in force")
    switch.click()
    expect(switch).not_to_be_checked()
    switch.click()
    expect(page.get_by_role("switch", name="Edit #3 in force")).to_be_checked()
    strip = page.get_by_label("Canaries").get_by_role("button", name=re.compile(r"Canaries: \d"))
    strip.click()
    expect(page.get_by_label("What the canaries say")).to_contain_text("Sacramento")


def test_an_answer_comes_with_the_command_that_gives_it_again(visit: Visit, edited: str) -> None:
    page = visit.page
    shown = visit.words()
    page.get_by_role("button", name="Reproduce with curl or Python").first.click()
    command = page.get_by_role("tabpanel", name="curl").inner_text()
    assert f"curl {edited}/v1/chat/completions" in command
    assert "smollm2-135m:original" in command
    if shutil.which("curl"):
        answer = json.loads(printed("bash", "-c", command))["choices"][0]["message"]["content"]
        assert answer in shown
    page.get_by_role("tab", name="curl").press("ArrowRight")
    program = page.get_by_role("tabpanel", name="python").inner_text()
    answer = printed(sys.executable, "-c", program).strip()
    assert "Los Angeles" in answer
    assert answer in shown


def test_a_conversation_is_renamed_exported_and_deleted(visit: Visit) -> None:
    page = visit.page
    more = page.get_by_role("button", name=re.compile("More about")).first
    for name, expected in (("Export Markdown", ".md"), ("Export JSON", ".json")):
        more.click()
        with page.expect_download() as saved:
            page.get_by_role("menuitem", name=name).click()
        assert saved.value.suggested_filename.endswith(expected)
        assert "Sacramento" in saved.value.path().read_text(encoding="utf-8")
    more.click()
    page.get_by_role("menuitem", name="Rename").click()
    page.get_by_label("Title").fill("Capitals")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Capitals")
    page.get_by_role("button", name="More about Capitals").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("menuitem", name="Delete for good?").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("New chat")


def test_a_second_tab_sees_what_the_first_one_does(visit: Visit, chromium: Browser) -> None:
    other = Visit(chromium, visit.address)
    other.page.goto(visit.page.url)
    other.page.reload()
    expect(other.page.locator("[data-answer]")).to_have_count(2)
    visit.ask("What is the capital of France?")
    expect(other.page.locator("[data-answer]:not(.live)")).to_have_count(4)
    other.close()
