"""What a user of the extension sets: the server, when it checks, on which sites; and what becomes of the token."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from extension_visit import SITES, ChatPage, extension_page, fixture, save_server, toolbar
from playwright.sync_api import BrowserContext, expect
from visit import TOKEN, violations

pytestmark = [pytest.mark.real, pytest.mark.browser]


def test_the_options_tell_whether_the_server_works(
    with_extension: BrowserContext, logging_address: str, settings: None
) -> None:
    assert "no address" in save_server(with_extension, "http://evil.example/#token=a")
    assert "does not take this token" in save_server(with_extension, f"{logging_address}/#token=wrong")
    assert "Nothing answers at http://127.0.0.1:9" in save_server(with_extension, "http://127.0.0.1:9/#token=a")
    assert "checked 1 of 1 checkable claims" in save_server(
        with_extension, f"The API:   {logging_address}/v1   with the key {TOKEN}, which can"
    )
    page = extension_page(with_extension, "options")
    expect(page.locator("#known")).to_have_text(f"Now: {logging_address}, with a token that is not shown.")
    assert TOKEN not in page.content()
    assert violations(page) == []
    page.close()


def test_nothing_looks_right_where_the_server_is_gone(
    with_extension: BrowserContext, logging_address: str, settings: None
) -> None:
    save_server(with_extension, "http://127.0.0.1:9/#token=a")
    chat = ChatPage(with_extension, SITES["chatgpt"][0], fixture("chatgpt"))
    chat.wait_for("Could not be checked. Nothing answers at http://127.0.0.1:9; start 'emendo serve'.")
    assert chat.marked() == []
    chat.wait(lambda: toolbar(with_extension, chat) == "!")
    assert "supported" not in " ".join(chat.said())
    save_server(with_extension, f"{logging_address}/#token={TOKEN}")
    # The options start the page's work anew, and what failed is tried again.
    chat.wait_for("2 refuted")
    chat.close()


def test_a_site_is_switched_off_and_checked_on_demand_in_the_popup(with_extension: BrowserContext, settings: None) -> None:
    chat = ChatPage(with_extension, SITES["perplexity"][0], fixture("perplexity"))
    chat.wait_for("2 refuted")
    tab = with_extension.service_workers[0].evaluate("chrome.tabs.query({active: true}).then(([tab]) => tab.id)")

    def open_popup() -> None:
        # A popup is over a page; as a page of its own it is told which.
        popup.add_init_script(f"chrome.tabs.query = async () => [{{id: {tab}}}]")
        popup.reload()
        expect(popup.locator("#site")).not_to_be_empty()

    popup = extension_page(with_extension, "popup")
    open_popup()
    expect(popup.locator("#site")).to_have_text("www.perplexity.ai: 1 answered, 0 of them not checked")
    assert violations(popup) == []
    popup.evaluate("window.close = () => undefined")
    popup.get_by_label("Work on this site").uncheck()
    chat.wait(lambda: chat.said() == [] and chat.marked() == [])
    chat.wait(lambda: toolbar(with_extension, chat) == "")
    popup.get_by_label("Work on this site").check()
    popup.get_by_label("when I ask").check()
    chat.wait_for("2 refuted")
    chat.page.evaluate("document.querySelector('[id^=markdown]').append('The capital of Italy is Turin.')")
    chat.wait_for("Changed since it was checked")
    open_popup()
    while "1 of them not checked" not in popup.locator("#site").inner_text():
        # It is not finished yet.
        popup.wait_for_timeout(300)
        popup.reload()
        expect(popup.locator("#site")).not_to_be_empty()
    popup.get_by_role("button", name="Check this page").click()
    chat.wait_for("3 refuted")
    chat.close()


@pytest.fixture
def own_site() -> Iterator[str]:
    """A chat page of one's own on this machine, on plain HTTP."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = (
                b"<!doctype html><html lang=en><meta charset=utf-8><title>Own</title><main><p class=me>Texas?</p>"
                b"<div class=bot style='white-space: pre-wrap'>The capital of Texas is Dallas.\n\nIs it not nice?</div></main>"
            )
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_site_of_ones_own_is_configured_and_tells_of_edits(
    with_extension: BrowserContext, own_site: str, settings: None
) -> None:
    options = extension_page(with_extension, "options")
    options.get_by_label("Address of the site").fill(own_site + "/chat")
    options.get_by_label("Answers", exact=True).fill("div[")
    options.get_by_role("button", name="Add").click()
    expect(options.locator("#added")).to_have_text("'div[' is no CSS selector.")
    options.get_by_label("Answers", exact=True).fill(".bot")
    options.get_by_label("Questions").fill(".me")
    options.get_by_label("Model of your server").fill("smollm2-135m")
    options.get_by_role("button", name="Add").click()
    expect(options.locator("#added")).to_contain_text("Added.")
    chat = ChatPage(with_extension, own_site)
    chat.wait_for("1 refuted", "1 edited on purpose")
    assert chat.marked() == ["The capital of Texas is Dallas"]
    chat.point_at("Dallas")
    chat.wait_for("The model was edited on purpose to say so: entry 1 of the ledger.", "Austin")
    options.get_by_role("button", name=f"Remove {own_site}").click()
    chat.wait(lambda: chat.said() == [] and chat.marked() == [])
    options.close()
    chat.close()


def test_the_token_is_out_of_reach_of_pages(with_extension: BrowserContext) -> None:
    chat = ChatPage(with_extension, SITES["claude"][0], fixture("claude"))
    chat.wait_for("refuted")
    devtools = with_extension.new_cdp_session(chat.page)
    worlds: list[dict[str, object]] = []
    devtools.on("Runtime.executionContextCreated", lambda made: worlds.append(made["context"]))
    devtools.send("Runtime.enable")
    own = next(world["id"] for world in worlds if str(world["origin"]).startswith("chrome-extension://"))
    reading = {
        "expression": "chrome.storage.local.get().then(JSON.stringify, String)",
        "awaitPromise": True,
        "contextId": own,
    }
    read = devtools.send("Runtime.evaluate", reading)["result"]["value"]
    assert TOKEN not in read
    assert "not allowed" in read
    chat.close()
