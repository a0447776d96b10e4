"""The browser's extension as it is built, in chromium, against a real server: on pages of our own at the sites' addresses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from extension_visit import SITES, ChatPage, asked, extension_page, fixture, toolbar
from playwright.sync_api import BrowserContext

pytestmark = [pytest.mark.real, pytest.mark.browser]


@pytest.mark.parametrize("name", SITES)
def test_refuted_claims_stand_out_on_each_site(with_extension: BrowserContext, name: str) -> None:
    where, expected = SITES[name]
    chat = ChatPage(with_extension, where, fixture(name))
    before = chat.page.locator("main").inner_text()
    chat.wait_for("Checked ", f"{len(expected)} refuted")
    assert "".join(chat.marked()) == "".join(expected)
    chat.wait(lambda: toolbar(with_extension, chat) == str(len(expected)))
    # The answer itself was not touched, and nothing of ours can be read by the page.
    assert chat.page.locator("main").inner_text() == before
    assert chat.page.evaluate("document.querySelector('emendo-badge').shadowRoot") is None
    chat.close()


def test_the_card_shows_what_is_right_and_from_where(with_extension: BrowserContext) -> None:
    chat = ChatPage(with_extension, SITES["chatgpt"][0], fixture("chatgpt"))
    chat.wait_for("2 refuted")
    assert not any("Sacramento" in said for said in chat.said())
    chat.point_at("Los Angeles")
    chat.wait_for("✗ refuted")
    (card,) = (said for said in chat.said() if "✗ refuted" in said)
    assert re.search(r"\d+ % sure.*Sacramento.*not Los Angeles.*us_states", card, re.DOTALL)
    assert "Rome" not in " ".join(chat.said())
    chat.page.keyboard.press("Escape")
    chat.wait(lambda: not any("Sacramento" in said for said in chat.said()))
    chat.close()


def test_claims_are_reached_from_the_keyboard(with_extension: BrowserContext) -> None:
    chat = ChatPage(with_extension, SITES["chatgpt"][0], fixture("chatgpt"))
    chat.wait_for("2 refuted")
    chat.page.get_by_role("button", name="Copy code").focus()
    chat.page.keyboard.press("Tab")
    chat.page.keyboard.press("Enter")
    chat.wait_for("The capital of Japan is Kyoto → Tokyo", "✓ supported", "– not checkable")
    chat.page.keyboard.press("Tab")
    chat.page.keyboard.press("Tab")
    chat.page.keyboard.press("Enter")
    chat.wait(lambda: chat.marked("current"))
    assert "Los Angeles" in "".join(chat.marked("current"))
    chat.wait_for("us_states")
    chat.page.keyboard.press("Escape")
    chat.wait(lambda: not chat.marked("current"))
    # The focus is where it was: the same key opens the card again.
    chat.page.keyboard.press("Enter")
    chat.wait(lambda: chat.marked("current"))
    chat.close()


def test_an_answer_is_sent_once_when_it_is_finished(with_extension: BrowserContext, server_folder: Path) -> None:
    page = fixture("chatgpt").replace("California", "Nevada").replace("Los Angeles", "Las Vegas")
    whole, before = "The capital of Nevada is Las Vegas. The capital of Ohio is Columbus.", asked(server_folder)
    chat = ChatPage(with_extension, "https://chatgpt.com/", page.split("<main>")[0] + "<main></main></body></html>")
    chat.page.evaluate(
        """() => document.querySelector('main').innerHTML =
            '<div data-message-author-role="user">Capitals?</div><div data-message-author-role="assistant"><p></p></div>' +
            '<button data-testid="stop-button">Stop</button>'"""
    )
    for end in range(5, len(whole) + 5, 5):
        chat.page.evaluate("text => document.querySelector('p').textContent = text", whole[:end])
        chat.page.wait_for_timeout(120)
    # It pauses for longer than an answer must stay the same, but the site says that it goes on.
    chat.page.wait_for_timeout(2500)
    assert chat.said() == []
    assert asked(server_folder) == before
    chat.page.evaluate("document.querySelector('button').remove()")
    chat.wait_for("Checked 2 of 2 checkable claims: 1 refuted, 1 supported")
    assert chat.marked() == ["The capital of Nevada is Las Vegas"]
    assert asked(server_folder) == before + 1
    # Changes around it are no reason to ask again.
    chat.page.evaluate("document.querySelector('main').append(document.createElement('footer'))")
    chat.page.wait_for_timeout(2500)
    assert asked(server_folder) == before + 1
    chat.close()


def test_a_check_that_runs_is_told_claim_by_claim(with_extension: BrowserContext) -> None:
    chat = ChatPage(
        with_extension, "https://chatgpt.com/c/many", long_conversation(1, "The capital of Peru is Lima. " * 800)
    )
    chat.wait_for("Checking… ")
    chat.wait(lambda: toolbar(with_extension, chat) == "…")
    assert not chat.controls("^Checked")
    chat.wait_for("Checked 800 of 801 checkable claims: 800 supported, 1 not enough evidence")
    assert chat.marked() == []
    chat.wait(lambda: toolbar(with_extension, chat) == "")
    chat.close()


def test_results_outlive_rendering_and_reloading(with_extension: BrowserContext, server_folder: Path) -> None:
    page = fixture("claude").replace("Australia", "Pakistan").replace("Sydney", "Karachi")
    chat = ChatPage(with_extension, SITES["claude"][0], page)
    chat.wait_for("2 refuted")
    marked, times = chat.marked(), asked(server_folder)
    assert "The capital of Pakistan is Karachi" in marked
    # A framework draws the conversation anew; ours goes with the rest, and comes back.
    left = chat.page.evaluate(
        """() => {
            const main = document.querySelector('main');
            main.innerHTML = main.innerHTML;
            document.querySelectorAll('emendo-badge').forEach((badge) => badge.remove());
            return [...CSS.highlights.get('emendo-refuted')].map(String);
        }"""
    )
    assert left != marked
    chat.wait(lambda: chat.marked() == marked)
    chat.wait_for("2 refuted")
    chat.page.reload()
    chat.wait(lambda: chat.marked() == marked)
    chat.wait_for("2 refuted")
    other = ChatPage(with_extension, "https://claude.ai/chat/1", page)
    other.wait(lambda: other.marked() == marked)
    assert asked(server_folder) == times
    other.close()
    chat.close()


def test_words_that_moved_are_found_and_the_answer_checked_anew(with_extension: BrowserContext, settings: None) -> None:
    options = extension_page(with_extension, "options")
    options.get_by_label("Only when I ask").check()
    options.close()
    page = fixture("claude").replace("Canada is Ottawa", "Canada is Toronto")
    chat = ChatPage(with_extension, "https://claude.ai/chat/2", page)
    chat.press("Check this answer")
    chat.wait_for("3 refuted")
    chat.page.evaluate("document.querySelector('.font-claude-response').prepend('Two more words were put in front.')")
    chat.wait_for("Changed since it was checked.")
    chat.wait(lambda: "The capital of Australia is Sydney" in chat.marked())
    chat.press("Check again")
    # While it is checked it is not said to have changed, and nothing stands out.
    chat.wait(lambda: any("Checked " in said and "Changed" not in said for said in chat.said()))
    assert "The capital of Australia is Sydney" in chat.marked()
    chat.close()


def long_conversation(answers: int, said: str) -> str:
    turns = "".join(
        f'<div data-message-author-role="user">What is number {n}?</div>'
        f'<div data-message-author-role="assistant"><p>{said} This was answer {n}.</p></div>'
        for n in range(answers)
    )
    return f"<!doctype html><html lang=en><title>Long</title><body>{turns}"


def test_a_long_history_is_asked_about(with_extension: BrowserContext, server_folder: Path) -> None:
    page, before = long_conversation(8, "The capital of Italy is Milan."), asked(server_folder)
    chat = ChatPage(with_extension, "https://chatgpt.com/c/long", page)
    chat.wait_for("8 earlier answers of this conversation were not checked")
    assert len(chat.controls("Check this answer")) == 8
    chat.press("Only new answers")
    chat.wait(lambda: not chat.controls("Only new answers"))
    chat.page.wait_for_timeout(1000)
    assert asked(server_folder) == before
    assert chat.marked() == []
    chat.press("Check this answer", at=2)
    chat.wait_for("1 refuted")
    assert asked(server_folder) == before + 1
    chat.page.reload()
    chat.wait_for("7 earlier answers")
    chat.press("Check all 7")
    chat.wait(lambda: len(chat.marked()) == 8)
    assert asked(server_folder) == before + 8
    chat.close()
