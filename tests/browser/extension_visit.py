"""A person at a chat page, in chromium with the extension as it is built for users.

What the extension shows stands in closed shadow trees, which no script of the page can read; the tests see it by the developer
tools, and its controls by the tree of accessibility.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Error, Page, Playwright, Route, expect
from visit import FLAGS

EXTENSION = Path(__file__).parents[2] / "extension"
DIST, FIXTURES = EXTENSION / "dist", EXTENSION / "fixtures"
# What keeps a page's own script from everything must not keep the extension from its server.
POLICY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; connect-src 'none'; frame-ancestors 'none'"
}

SITES = {
    "chatgpt": ("https://chatgpt.com/c/1", ["The capital of California is Los Angeles", "The capital of Japan is Kyoto"]),
    "claude": (
        "https://claude.ai/chat/1",
        ["The capital of Australia is Sydney", "The capital of Brazil is Rio de Janeiro"],
    ),
    "perplexity": ("https://www.perplexity.ai/search/1", ["The capital of Turkey is Istanbul", "Barcelona"]),
}


@contextmanager
def extended(playwright: Playwright, path: str, folder: Path) -> Iterator[BrowserContext]:
    """Chromium with the extension, which is not told of any server yet."""
    # Branded builds no longer load extensions by command line; the feature's name is harmless where that holds.
    args = [*FLAGS, f"--disable-extensions-except={DIST}", f"--load-extension={DIST}"]
    args.append("--disable-features=DisableLoadExtensionCommandLineSwitch")
    context = playwright.chromium.launch_persistent_context(
        folder,
        executable_path=path,
        ignore_default_args=["--disable-extensions"],
        args=args,
        viewport={"width": 1100, "height": 760},
        reduced_motion="reduce",
    )
    try:
        # Once it is installed it shows its options.
        until = time.monotonic() + 30
        while not any(page.url.endswith("/options.html") for page in context.pages):
            assert time.monotonic() < until, "the extension did not show its options"
            context.pages[0].wait_for_timeout(100)
        yield context
    finally:
        context.close()


def extension_page(context: BrowserContext, name: str) -> Page:
    """One of the extension's own pages: "options" or "popup"."""
    page = context.new_page()
    root = context.service_workers[0].url.removesuffix("/worker.js")
    page.goto(f"{root}/src/{name}/{name}.html")
    return page


def save_server(context: BrowserContext, printed: str) -> str:
    """Paste what a server printed on the options page; what that says to it."""
    page = extension_page(context, "options")
    page.get_by_label("What emendo serve printed").fill(printed)
    page.get_by_role("button", name="Save and try").click()
    expect(page.locator("#tried")).to_have_text(re.compile(r"^(Saved\. The|Saved, but|In this)"))
    said = page.locator("#tried").inner_text()
    page.close()
    return said


class ChatPage:
    """A chat page that is open, with what the extension has put on it."""

    def __init__(self, context: BrowserContext, address: str, body: str | None = None) -> None:
        self.page = context.new_page()
        self.errors: list[str] = []
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

        def fulfil(route: Route) -> None:
            route.fulfill(body=body or "", content_type="text/html; charset=utf-8", headers=POLICY)

        # The page is at the site's own address, so that the extension is asked for as it is for users; no request leaves.
        if body is not None:
            self.page.route("**/*", fulfil)
        self.page.goto(address)
        self._devtools = context.new_cdp_session(self.page)

    def marked(self, name: str = "refuted") -> list[str]:
        """The stretches of the page's text that stand out."""
        found: list[str] = self.page.evaluate(f"[...(CSS.highlights.get('emendo-{name}') ?? [])].map(String)")
        return found

    def said(self) -> list[str]:
        """What badges, cards and questions say, each in one string."""
        return [_text(root) for root in self._roots()]

    def controls(self, pattern: str) -> list[int]:
        """The extension's controls whose name matches, as nodes of the devtools."""
        own = {node["backendNodeId"] for root in self._roots() for node in _all(root)}
        tree = self._devtools.send("Accessibility.getFullAXTree")["nodes"]
        return [
            node["backendDOMNodeId"]
            for node in tree
            if node.get("role", {}).get("value") == "button"
            and node.get("backendDOMNodeId") in own
            and re.search(pattern, node.get("name", {}).get("value", ""))
        ]

    def press(self, pattern: str, at: int = 0) -> None:
        """Click a control of the extension by its name."""
        self.page.mouse.click(*self.wait(lambda: self._middle(pattern, at)))

    def point_at(self, words: str) -> None:
        """Move the pointer over words that stand out."""
        box = self.page.evaluate(
            """words => {
                const range = [...CSS.highlights.get('emendo-refuted')].find((range) => String(range).includes(words));
                range.startContainer.parentElement.scrollIntoView({block: 'center'});
                const {left, top, width, height} = range.getClientRects()[0];
                return [left + width / 2, top + height / 2];
            }""",
            words,
        )
        self.page.mouse.move(box[0], box[1] + 1)
        self.page.mouse.move(*box)

    def wait(self, found: Callable[[], Any], seconds: float = 20) -> Any:
        """What is found, once something is."""
        until = time.monotonic() + seconds
        while not (value := found()):
            assert time.monotonic() < until, f"not found; the extension says {self.said()}"
            self.page.wait_for_timeout(100)
        return value

    def wait_for(self, *words: str) -> None:
        """Return once the extension says all of these."""
        self.wait(lambda: all(any(word in said for said in self.said()) for word in words))

    def close(self) -> None:
        """Leave, having seen that nothing went wrong."""
        self.page.close()
        assert self.errors == []

    def _middle(self, pattern: str, at: int) -> tuple[float, float] | None:
        """Where a control is, unless the extension is just drawing it anew."""
        found = self.controls(pattern)
        if len(found) <= at:
            return None
        node = {"backendNodeId": found[at]}
        try:
            self._devtools.send("DOM.scrollIntoViewIfNeeded", node)
            quad = self._devtools.send("DOM.getContentQuads", node)["quads"][0]
        except Error as error:
            if "detached" not in str(error):
                raise
            return None
        return sum(quad[::2]) / 4, sum(quad[1::2]) / 4

    def _roots(self) -> list[dict[str, Any]]:
        document = self._devtools.send("DOM.getDocument", {"depth": -1, "pierce": True})["root"]
        hosts = [node for node in _all(document) if node.get("localName") in ("emendo-badge", "emendo-overlay")]
        assert all(root["shadowRootType"] == "closed" for host in hosts for root in host.get("shadowRoots", []))
        return [root for host in hosts for root in host.get("shadowRoots", [])]


def asked(server_folder: Path) -> int:
    """How often the server was asked for verdicts."""
    return (server_folder / "told.txt").read_text().count("POST /api/verify")


def fixture(name: str) -> str:
    """A page in the likeness of a site's."""
    return (FIXTURES / f"{name}.html").read_text(encoding="utf-8")


def toolbar(with_extension: BrowserContext, chat: ChatPage) -> str:
    """What the extension's button says on the tab in front."""
    chat.page.bring_to_front()
    return with_extension.service_workers[0].evaluate(
        "chrome.tabs.query({active: true}).then(([tab]) => chrome.action.getBadgeText({tabId: tab.id}))"
    )


def _all(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for kind in ("children", "shadowRoots"):
        for child in node.get(kind, []):
            yield from _all(child)


def _text(root: dict[str, Any]) -> str:
    return " ".join(node["nodeValue"] for node in _all(root) if node["nodeType"] == 3)
