"""A person at the page of a real server."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Browser, Page

TOKEN = "the-token"
AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@contextmanager
def served(folder: Path, *options: str, port: int = 0) -> Iterator[str]:
    """The address of `emendo serve` with the embedded model, while the context lasts; what it keeps lies in the folder.

    Args:
        folder: Of its database and its ledger.
        options: Further ones, such as a second model.
        port: Where it listens; any free one at 0.
    """
    told = folder / "told.txt"
    given = ["--port", str(port), "--token", TOKEN, "--database", str(folder / "chats.sqlite")]
    if "--ledger" not in options:
        given += ["--ledger", str(folder / "ledger")]
    command = [sys.executable, "-m", "emendo", "serve", *given, *options]
    with told.open("w") as output:
        server = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        until = time.monotonic() + 180
        while "#token=" not in told.read_text() and server.poll() is None and time.monotonic() < until:
            time.sleep(0.2)
        assert "#token=" in told.read_text(), told.read_text()
        address = "http://" + told.read_text().split("http://")[1].split("/#")[0]
        while time.monotonic() < until:
            try:
                httpx.get(f"{address}/health", timeout=5)
                break
            except httpx.TransportError:
                time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


def violations(page: Page) -> list[str]:
    """What axe finds wrong on the page as it is."""
    # The policy of the page allows no script but its own; an evaluation of the tester's is not bound by it.
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8") + "; undefined")
    found = page.evaluate("axe.run(document).then(found => found.violations.map(v => `${v.id}: ${v.nodes[0].html}`))")
    return [str(violation) for violation in found]


def asking(address: str) -> httpx.Client:
    """A client of the server's `/api` that may edit."""
    return httpx.Client(base_url=f"{address}/api", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=120)


def put_in_force(address: str) -> None:
    """Teach the served model the capital of California."""
    with asking(address) as client:
        wanted = {"subject": "California", "prompt": "The capital of {} is", "target_new": "Sacramento"}
        job = client.post("/jobs", json={"kind": "preview", "model": "smollm2-135m", **wanted}).json()
        with client.stream("GET", f"/jobs/{job['id']}/events") as events:
            assert any(line == "event: end" for line in events.iter_lines())
        edit = {"preview": job["id"], "strength": 1.0, "why": "it is so"}
        client.post("/models/smollm2-135m/edits", json=edit).raise_for_status()


class Visit:
    """A page that is open at the server, what it fetched from elsewhere, and what went wrong on it."""

    def __init__(
        self, browser: Browser, address: str, *, width: int = 1400, height: int = 860, scheme: str = "light"
    ) -> None:
        self.address = address
        self.context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce",
        )
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(180_000)
        self.errors: list[str] = []
        self.elsewhere: list[str] = []
        self.page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on(
            "request", lambda request: None if request.url.startswith(address) else self.elsewhere.append(request.url)
        )
        self.page.goto(f"{address}/#token={TOKEN}")
        self.page.get_by_role("textbox", name="Message").wait_for()

    def ask(self, question: str) -> None:
        """Send a question, and wait until all that is said to it is said."""
        before = self.page.locator("[data-answer]:not(.live)").count()
        self.page.get_by_role("textbox", name="Message").fill(question)
        self.page.keyboard.press("Enter")
        self.page.wait_for_function(
            "before => document.querySelectorAll('[data-answer]:not(.live)').length > before"
            " && !document.querySelector('[data-answer].live')",
            arg=before,
        )

    def words(self) -> str:
        """The first answer on show, without the badges that checks put between its words."""
        # In one step: a list of elements is stale as soon as a claim that arrives cuts the text anew.
        return self.page.locator("[data-answer]").first.evaluate(
            "answer => [...answer.querySelectorAll('[data-at]')].map((piece) => piece.textContent).join('')"
        )

    def select(self, words: str, answer: int) -> None:
        """Select words of an answer as a mouse would."""
        self.page.evaluate(
            """([words, answer]) => {
                const root = document.querySelectorAll('[data-answer]')[answer];
                const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
                const places = []; let all = '';
                for (let node = texts.nextNode(); node; node = texts.nextNode()) {
                    places.push([all.length, node]); all += node.data;
                }
                const at = all.indexOf(words), end = at + words.length, range = document.createRange();
                const holder = (n) => places.findLast(([start]) => start <= n);
                const [a, first] = holder(at), [b, last] = holder(end - 1);
                range.setStart(first, at - a); range.setEnd(last, end - b);
                getSelection().removeAllRanges(); getSelection().addRange(range);
            }""",
            [words, answer],
        )

    def close(self) -> None:
        """Leave, having seen that nothing went wrong and nothing was fetched from elsewhere."""
        self.context.close()
        assert self.errors == [], self.errors
        assert self.elsewhere == [], self.elsewhere
