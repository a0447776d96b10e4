"""The story on the page: ask, check, fix, look, take back; in chromium, with the embedded model."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import Browser, expect
from visit import TOKEN, Visit

pytestmark = [pytest.mark.real, pytest.mark.browser]
QUESTION = "What is the capital of California?"


def test_a_wrong_fact_is_found_fixed_looked_at_and_taken_back(chromium: Browser, address: str) -> None:
    visit = Visit(chromium, address)
    page = visit.page
    visit.ask(QUESTION)
    panes = page.locator("[data-answer]")
    expect(panes).to_have_count(2)
    expect(panes.nth(1)).to_contain_text("Los Angeles")

    page.get_by_role("button", name="Check").last.click()
    expect(page.get_by_role("button", name=re.compile("refuted: Sacramento")).last).to_be_visible()

    visit.select("Los Angeles", 1)
    page.get_by_role("button", name="Fix it here").click()
    expect(page.get_by_label("Sentence")).to_have_value("The capital of California is")
    expect(page.get_by_label("Instead of")).to_have_value("Los Angeles")
    page.get_by_label("New answer").fill("Sacramento")
    page.get_by_role("button", name="Preview").click()
    page.get_by_label("Reason").fill("Sacramento has been the capital since 1854")
    page.get_by_role("button", name="Commit").click()
    expect(page.get_by_text("is in force")).to_be_visible()
    expect(page.locator("[data-answer]:not(.live)").last).to_contain_text("Sacramento")
    expect(page.locator("[data-answer]:not(.live)").first).to_contain_text("Los Angeles")

    page.get_by_role("button", name="Trace it").click()
    expect(page.get_by_text(re.compile("Peak “"))).to_be_visible()
    page.get_by_role("button", name="Show as table").click()
    expect(page.get_by_role("table")).to_be_visible()

    page.reload()
    expect(page.locator("[data-answer]:not(.live)").last).to_contain_text("Sacramento")
    ledger = httpx.get(f"{address}/api/models/smollm2-135m/ledger", headers={"Authorization": f"Bearer {TOKEN}"}).json()
    (entry,) = ledger["entries"]
    assert (entry["in_force"], entry["why"]) == (True, "Sacramento has been the capital since 1854")

    httpx.post(
        f"{address}/api/models/smollm2-135m/reverts",
        json={"entries": [1], "why": "a test"},
        headers={"Authorization": f"Bearer {TOKEN}"},
    ).raise_for_status()
    visit.ask(QUESTION)
    expect(page.locator("[data-answer]:not(.live)").last).to_contain_text("Los Angeles")
    visit.close()
