"""How the page feels, measured in chromium: time until one can write, size, frames of a long conversation and of a heat map.

The server is real, with the embedded model; the conversation of 500 messages was written to its database before it started, and the
trace of 40 tokens and 30 layers is made up, since drawing it is what is measured. While something scrolls or the mouse moves, every
frame of the browser is timed, and so is every task over 50 ms. An empty page in the same run tells what the machine itself costs.

    python benchmarks/page.py -o docs/results/page.json
"""

from __future__ import annotations

import argparse
import datetime
import gzip
import json
import math
import os
import platform
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Route, sync_playwright

from emendo.cli.console import out
from emendo.serve.app import STATIC

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "browser"))
from seeding import write_conversation
from visit import FLAGS, TOKEN, Visit, served

MESSAGES = 500
TOKENS, LAYERS = 40, 30
FRAMES = 120
# Milliseconds from the start of the navigation until the composer takes text and knows its model.
READY = """
new MutationObserver(() => {
    const field = document.querySelector("textarea[aria-label=Message]");
    if (field?.placeholder === "Ask anything" && !field.disabled) window.ready ??= performance.now();
}).observe(document, {childList: true, subtree: true, attributes: true});
"""
# Does something in every frame, and times the frames and the long tasks meanwhile.
FRAMES_OF = """
async ([act, count]) => {
    const step = window[act], long = [], times = [];
    const watch = new PerformanceObserver((list) => long.push(...list.getEntries().map((entry) => entry.duration)));
    watch.observe({type: "longtask"});
    let before = await new Promise(requestAnimationFrame);
    for (let frame = 0; frame < count; frame++) {
        step(frame);
        const now = await new Promise(requestAnimationFrame);
        times.push(now - before);
        before = now;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
    watch.disconnect();
    return {times, long};
}
"""
# As fast as a hand turns a wheel: 200 pixels a frame, up and down again.
SCROLL = """
(frame) => {
    const thread = document.querySelector("[role=log]") ?? document.scrollingElement;
    if (frame === 0) thread.scrollTop = thread.scrollHeight;
    thread.scrollTop += frame < 60 ? -200 : 200;
}
"""
# As the bar is dragged: from the end of the thread to its beginning and back.
DRAG = """
(frame) => {
    const thread = document.querySelector("[role=log]") ?? document.scrollingElement;
    const way = thread.scrollHeight - thread.clientHeight;
    thread.scrollTop = way * Math.abs(1 - 2 * frame / 120);
}
"""
HOVER = """
(frame) => {
    const map = document.querySelector(".map"), box = map.getBoundingClientRect();
    const at = {clientX: box.left + 100 + (frame * 37) % (box.width - 104), clientY: box.top + (frame * 23) % (box.height - 20)};
    map.dispatchEvent(new MouseEvent("mousemove", {...at, bubbles: true}));
}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=10, help="repeats a figure")
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    conversation = write_conversation(folder / "chats.sqlite", MESSAGES)
    with served(folder) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        empty = frames(blank(browser), SCROLL, arguments.n)
        interactive, document = until_ready(browser, address, arguments.n)
        visit = Visit(browser, address)
        visit.page.goto(f"{address}/#/c/{conversation}")
        visit.page.reload()
        visit.page.locator("[data-answer]").nth(MESSAGES - 1).wait_for(state="attached")
        scrolling = frames(visit.page, SCROLL, arguments.n)
        dragging = frames(visit.page, DRAG, arguments.n)
        elsewhere = list(visit.elsewhere)
        visit.close()
        traced = Visit(browser, address)
        traced.page.route("**/api/jobs?*", made_up_trace)
        traced.page.reload()
        traced.page.get_by_role("button", name="Inspector").click()
        traced.page.get_by_role("tab", name="Trace").click()
        traced.page.locator(".map rect").nth(TOKENS * LAYERS).wait_for(state="attached")
        hovering = frames(traced.page, HOVER, arguments.n)
        elsewhere += traced.elsewhere
        traced.close()
        version = browser.version
        browser.close()
    result = {
        "command": " ".join(["python", "benchmarks/page.py", *sys.argv[1:]]),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": {"processor": platform.machine(), "cores": os.cpu_count(), "load": os.getloadavg()[0]},
        "chromium": version,
        "n": arguments.n,
        "interactive_seconds": interactive,
        "empty_document_seconds": document,
        "gzipped_bytes": gzipped(),
        "messages": MESSAGES,
        "heat_map": [TOKENS, LAYERS],
        "frames_a_repeat": FRAMES,
        "scrolling": scrolling,
        "dragging": dragging,
        "hovering": hovering,
        "empty_page": empty,
        "requests_elsewhere": len(elsewhere),
    }
    text = json.dumps(result, indent=1) + "\n"
    if arguments.output is not None:
        arguments.output.write_text(text, encoding="utf-8")
    out.print(text, highlight=False)


def until_ready(browser: Browser, address: str, count: int) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds until one can write, and until a document of one line has loaded; each in a browser that has nothing in its cache."""
    ready, empty = [], []
    for _ in range(count):
        context = browser.new_context()
        page = context.new_page()
        page.add_init_script(READY)
        page.goto(f"{address}/#token={TOKEN}")
        page.wait_for_function("window.ready")
        ready.append(page.evaluate("window.ready") / 1000)
        page.goto(f"{address}/health")
        empty.append(page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd") / 1000)
        context.close()
    return figure(ready), figure(empty)


def blank(browser: Browser) -> Page:
    """A page with nothing on it that can be scrolled."""
    page = browser.new_context().new_page()
    page.set_content("<!doctype html><title>Empty</title><div style='height: 100000px'></div>")
    return page


def frames(page: Page, act: str, count: int) -> dict[str, Any]:
    """Milliseconds a frame while something happens in each: median and 95th percentile of every repeat, and long tasks.

    What the browser's process itself computes in a frame does not depend on what else the machine does.
    """
    medians, nineties, processor, long = [], [], [], []
    told = page.context.new_cdp_session(page)
    told.send("Performance.enable")

    def used() -> float:
        metrics = told.send("Performance.getMetrics")["metrics"]
        return float(next(metric["value"] for metric in metrics if metric["name"] == "ProcessTime"))

    # The policy of the page keeps its own scripts from evaluating; the tester's is not bound by it.
    page.evaluate(f"window.act = {act.strip()}")
    for _ in range(count):
        before = used()
        seen = page.evaluate(FRAMES_OF, ["act", FRAMES])
        processor.append(1000 * (used() - before) / FRAMES)
        times = sorted(seen["times"])
        medians.append(statistics.median(times))
        nineties.append(times[math.ceil(0.95 * len(times)) - 1])
        long += seen["long"]
    return {
        "median_milliseconds": figure(medians),
        "p95_milliseconds": figure(nineties),
        "processor_milliseconds": figure(processor),
        "long_tasks": len(long),
        "longest_task_milliseconds": max(long, default=0),
    }


def made_up_trace(route: Route) -> None:
    """Answer with a finished trace that nobody had to wait for."""
    effects = [[math.sin(token / 5) * math.cos(layer / 7) for layer in range(LAYERS)] for token in range(TOKENS)]
    result = {
        "tokens": [f"word{token}" for token in range(TOKENS)],
        "subject_range": [3, 5],
        "target": " Paris",
        "probability_clean": 0.9,
        "probability_corrupted": 0.1,
        "n_layers": LAYERS,
        "kinds": {"states": {"effects": effects, "standard_errors": None}},
        "peak": {"states": [8, 0]},
    }
    job = {
        "id": "made-up",
        "kind": "trace",
        "model": "smollm2-135m",
        "state": "done",
        "stage": "",
        "done": 1,
        "total": 1,
        "created": "",
        "seconds": 1.0,
        "result": result,
        "error": None,
        "input": {"subject": "France", "prompt": "The capital of {} is"},
    }
    route.fulfill(json={"jobs": [job]})


def gzipped() -> int:
    """Bytes of everything that the page loads, compressed."""
    files = [path for path in STATIC.rglob("*") if path.is_file()]
    return sum(len(gzip.compress(path.read_bytes(), 9, mtime=0)) for path in files)


def figure(values: list[float]) -> dict[str, float]:
    """Median and range."""
    return {"median": statistics.median(values), "least": min(values), "greatest": max(values)}


if __name__ == "__main__":
    main()
