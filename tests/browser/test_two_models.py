"""Two models on one page: each has its own revisions, and a conversation stays with its own."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from transformers import PreTrainedTokenizerFast
from visit import Visit, asking, served

from tiny_models import build_tiny

pytestmark = [pytest.mark.real, pytest.mark.browser]


@pytest.fixture(scope="module")
def both(
    edited_ledger: Path, tiny_tokenizer: PreTrainedTokenizerFast, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Where a server listens that has the embedded model, edited, and a tiny one."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copytree(edited_ledger, folder / "ledger")
    tiny = build_tiny("llama", tiny_tokenizer, max_position_embeddings=2048)
    tiny.network.save_pretrained(folder / "Tiny-Llama")
    tiny.tokenizer.save_pretrained(folder / "Tiny-Llama")
    models = ["--model", "smollm2-135m", "--model", str(folder / "Tiny-Llama")]
    ledgers = ["--ledger", str(folder / "ledger"), "--ledger", str(folder / "other-ledger")]
    with served(folder, *models, *ledgers) as address:
        yield address


def choose(page: Page, model: str) -> None:
    """Another model, by its pill."""
    page.get_by_role("button", name=re.compile("Model and revision")).click()
    page.get_by_role("menuitemradio", name=re.compile(model)).click()


def test_the_pill_changes_the_model_and_with_it_the_ledger(chromium: Browser, both: str) -> None:
    visit = Visit(chromium, both)
    page = visit.page
    expect(page.get_by_role("button", name="Model and revision: SmolLM2-135M-Instruct, original | edited")).to_be_visible()
    visit.ask("What is the capital of California?")
    expect(page.locator("[data-answer]").last).to_contain_text("Sacramento")
    page.get_by_role("button", name="New chat").first.click()
    choose(page, "Tiny-Llama")
    expect(page.get_by_role("heading", name="What should we ask Tiny-Llama?")).to_be_visible()
    page.get_by_role("button", name="Inspector").click()
    expect(page.get_by_text("No fact has been edited yet.")).to_be_visible()
    visit.ask("What is the capital of France?")
    expect(page.get_by_text("no edits yet")).to_be_visible()
    with asking(both) as client:
        newest, oldest = client.get("/conversations").json()["conversations"]
    assert (newest["model"], oldest["model"]) == ("Tiny-Llama", "smollm2-135m")

    page.reload()
    expect(page.get_by_role("button", name=re.compile("Model and revision: Tiny-Llama"))).to_be_visible()
    # Another conversation brings its own model back.
    page.get_by_role("navigation").get_by_role("button", name="What is the capital of California?", exact=True).click()
    expect(page.get_by_role("button", name=re.compile("Model and revision: SmolLM2-135M-Instruct"))).to_be_visible()
    # And goes on with another, if that is chosen.
    choose(page, "Tiny-Llama")
    visit.ask("And of France?")
    page.get_by_role("button", name="Reproduce with curl or Python").last.click()
    expect(page.get_by_role("tabpanel", name="curl")).to_contain_text('"model": "Tiny-Llama:original"')
    visit.close()


def test_the_conversation_that_was_asked_for_last_is_shown(chromium: Browser, both: str) -> None:
    visit = Visit(chromium, both)
    page = visit.page
    visit.ask("What is the capital of France?")
    page.get_by_role("button", name="New chat").first.click()
    visit.ask("What is the capital of Germany?")
    expect(page.locator("[data-answer]").last).not_to_be_empty()
    with asking(both) as client:
        newest, older = client.get("/conversations").json()["conversations"][:2]

    def late(route: Route) -> None:
        """The one that was open comes late, and that which is asked for meanwhile later."""
        page.wait_for_timeout(500 if newest["id"] in route.request.url else 1500)
        route.continue_()

    page.route(re.compile(f"/api/conversations/({newest['id']}|{older['id']})$"), late)
    page.reload()
    page.get_by_role("navigation").get_by_role("button", name=older["title"], exact=True).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(older["title"])
    expect(page.locator("[data-answer]").last).not_to_be_empty()
    expect(page.get_by_role("log")).to_contain_text(older["title"])
    visit.close()


def test_what_is_said_at_once_goes_to_the_model_that_was_chosen(chromium: Browser, both: str) -> None:
    def late(route: Route) -> None:
        """The conversation's new model reaches the server a second after it was chosen."""
        visit.page.wait_for_timeout(1000 if route.request.method == "PATCH" else 0)
        route.continue_()

    visit = Visit(chromium, both)
    choose(visit.page, "SmolLM2")
    visit.ask("Hi")
    visit.page.route("**/api/conversations/*", late)
    choose(visit.page, "Tiny-Llama")
    visit.ask("And of France?")
    visit.page.get_by_role("button", name="Reproduce with curl or Python").last.click()
    expect(visit.page.get_by_role("tabpanel", name="curl")).to_contain_text('"model": "Tiny-Llama:original"')
    visit.close()
