"""The edit drawer: the dial, a weak edit whose canary turns red, work that is cancelled, a reload in the midst of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from visit import Visit, asking

pytestmark = [pytest.mark.real, pytest.mark.browser]


@pytest.fixture
def visit(chromium: Browser, address: str) -> Iterator[Visit]:
    """A page where nothing was asked, and nothing is at work."""
    opened = Visit(chromium, address)
    yield opened
    with asking(address) as client:
        for job in client.get("/jobs").json()["jobs"]:
            client.delete(f"/jobs/{job['id']}").raise_for_status()
    opened.close()


def fill_in(page: Page, subject: str, target: str) -> None:
    """Open the drawer on an edit of a capital."""
    page.get_by_role("button", name="Inspector").click()
    page.get_by_role("button", name="Edit a fact").click()
    page.get_by_label("Sentence").fill(f"The capital of {subject} is")
    page.get_by_role("option", name=subject).click()
    page.get_by_label("New answer").fill(target)


def latest_job(address: str) -> dict[str, Any]:
    with asking(address) as client:
        return dict(client.get("/jobs?limit=1").json()["jobs"][0])


def entries(address: str) -> list[dict[str, Any]]:
    with asking(address) as client:
        return list(client.get("/models/smollm2-135m/ledger").json()["entries"])


def test_a_preview_is_cancelled_and_records_nothing(visit: Visit) -> None:
    page = visit.page
    fill_in(page, "California", "Sacramento")
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("The preview was cancelled.")).to_be_visible()
    expect(page.get_by_role("button", name="Preview")).to_be_enabled()
    assert latest_job(visit.address)["state"] == "cancelled"
    assert entries(visit.address) == []


def test_a_trace_is_cancelled(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("button", name="Inspector").click()
    page.get_by_role("tab", name="Trace").click()
    page.get_by_label("Sentence").fill("The capital of France is")
    page.get_by_role("option", name="France").click()
    page.get_by_role("button", name="Trace", exact=True).click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Trace", exact=True)).to_be_enabled()
    assert latest_job(visit.address)["state"] == "cancelled"


def test_a_reload_loses_neither_the_edit_nor_the_work_on_it(visit: Visit) -> None:
    page = visit.page
    fill_in(page, "California", "Sacramento")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("progressbar", name="Computing the edit")).to_be_visible()
    job = latest_job(visit.address)
    page.reload()
    expect(page.get_by_label("New answer")).to_have_value("Sacramento")
    expect(page.get_by_role("slider", name="Strength")).to_be_visible()
    page.get_by_label("Reason").fill("a reason that was begun")
    # Its result is there after another reload too, with what was written meanwhile.
    page.reload()
    expect(page.get_by_label("Reason")).to_have_value("a reason that was begun")
    expect(page.get_by_role("slider", name="Strength")).to_be_visible()
    assert latest_job(visit.address)["id"] == job["id"]
    page.get_by_role("button", name="Back to the ledger").click()
    page.reload()
    page.get_by_role("button", name="Inspector").click()
    expect(page.get_by_text("No fact has been edited yet.")).to_be_visible()


def test_the_dial_scales_the_edit_and_a_red_canary_offers_the_way_back(visit: Visit) -> None:
    page = visit.page
    fill_in(page, "California", "Sacramento")
    page.get_by_role("button", name="Preview").click()
    dial = page.get_by_role("slider", name="Strength")
    told = [page.get_by_role("img", name=re.compile(rf"At strength {at}")) for at in ("0.00", "1.00", "1.50")]
    page.get_by_label("Reason").fill("too weak on purpose")
    new = []
    for key, curve in (("", told[1]), ("End", told[2]), ("Home", told[0])):
        dial.press(key or "Tab")
        found = re.search(r"new (?:<\s)?([\d.]+)\s%", curve.get_attribute("aria-label") or "")
        assert found is not None
        new.append(float(found[1]))
    assert new[0] > 50 > new[2]
    # At nothing there is nothing to commit.
    expect(page.get_by_role("button", name="Commit")).to_be_disabled()
    dial.press("ArrowRight")
    page.get_by_role("button", name="Commit").click()
    expect(page.get_by_text(re.compile(r"Edit #\d+ is in force"))).to_be_visible()

    strip = page.get_by_label("Canaries", exact=True)
    expect(strip.get_by_role("button", name=re.compile(r"Canaries: .*\d bad"))).to_be_visible()
    strip.get_by_role("button", name="Revert #1").click()
    expect(page.get_by_text("Edit #1 is taken back.")).to_be_visible()
    expect(strip).to_have_count(0)
    assert [one["in_force"] for one in entries(visit.address)] == [False, False]
    page.get_by_role("button", name="Show the ledger").click()
    page.get_by_role("button", name=re.compile("#1 California")).click()
    expect(page.get_by_text("Taken back by")).to_be_visible()


def latest(address: str, kind: str) -> dict[str, Any]:
    """The newest job of a kind."""
    with asking(address) as client:
        return dict(next(job for job in client.get("/jobs").json()["jobs"] if job["kind"] == kind))
