"""Fixtures: a browser and pages of it, whose errors fail the test."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import playwright.sync_api
import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)

from tests import helpers

CHROMIUM = Path("/usr/bin/chromium")
DESKTOP = {"width": 1280, "height": 900}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed")
    with sync_playwright() as driver:
        opened = driver.chromium.launch(
            executable_path=str(CHROMIUM),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield opened
        opened.close()


# Of watched pages, without heartbeats.
open_requests: WeakKeyDictionary[Page, set[Request]] = WeakKeyDictionary()

# What Gradio's client logs of its streams when their page is left while they are open.
ABORTED = ("AbortError", "Connection errored out", "network error", "Unexpected error 404")


class Errors:
    """Console errors, page errors and requests to other hosts, of the pages that it watches.

    A test marked `refused` provokes responses of 4xx: that the console logs them is no error there.
    That streams are aborted is an error, unless their page is left: another document is loaded.
    """

    def __init__(self) -> None:
        self.found: list[str] = []
        self.refusals_expected = False
        self._aborts: WeakKeyDictionary[Page, list[str]] = WeakKeyDictionary()

    def begin(self, request: pytest.FixtureRequest) -> None:
        """Forget what was found before this test."""
        self.found.clear()
        self._aborts.clear()
        self.refusals_expected = request.node.get_closest_marker("refused") is not None

    def watch(self, page: Page) -> None:
        page.on("console", self._on_console)
        page.on("domcontentloaded", self._on_left)
        page.on("pageerror", lambda error: self.found.append(f"page: {error}"))
        page.on("request", self._on_request)
        requests = open_requests.setdefault(page, set())

        def on_begin(request: Request) -> None:
            if "/heartbeat/" not in request.url:  # a stream as long as the page is open
                requests.add(request)

        def on_end(request: Request) -> None:
            requests.discard(request)

        page.on("request", on_begin)
        page.on("requestfinished", on_end)
        page.on("requestfailed", on_end)

    def _on_console(self, message: ConsoleMessage) -> None:
        is_refusal = "the server responded with a status of 4" in message.text
        if message.type != "error" or (self.refusals_expected and is_refusal):
            return
        text = f"console: {message.text}"
        self.found.append(text)
        if message.page and any(it in text for it in ABORTED):
            self._aborts.setdefault(message.page, []).append(text)

    def _on_left(self, page: Page) -> None:
        for text in self._aborts.pop(page, []):
            self.found.remove(text)

    def _on_request(self, one: Request) -> None:
        parts = urlsplit(one.url)
        if parts.scheme not in {"data", "blob"} and parts.hostname != "127.0.0.1":
            self.found.append(f"a request to {one.url}")


def new_context(browser: Browser, **options: Any) -> BrowserContext:
    context = browser.new_context(**({"viewport": DESKTOP, "locale": "en-US"} | options))
    context.set_default_timeout(helpers.PATIENCE_S * 1_000)
    expect.set_options(timeout=helpers.PATIENCE_S * 1_000)
    return context


@pytest.fixture
def open_page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Callable[..., Page]]:
    """Opens pages, each in a fresh context with these options (see `Browser.new_context`).

    What `Errors` finds on them fails the test in the end.
    """
    errors = Errors()
    errors.begin(request)
    contexts = []

    def open_one(**options: Any) -> Page:
        contexts.append(new_context(browser, **options))
        page = contexts[-1].new_page()
        errors.watch(page)
        return page

    yield open_one
    found = list(errors.found)  # not what leaving the pages interrupts
    for context in contexts:
        context.close()
    assert found == [], found


class Tab:
    """One page for many tests, emptied between them: a fresh context loads four times as long."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._page: Page | None = None
        self.errors = Errors()

    def page(self) -> Page:
        if self._page is None or self._page.is_closed():
            self._page = new_context(self._browser).new_page()
            self.errors.watch(self._page)
        return self._page

    def close(self) -> None:
        if self._page is not None:
            self._page.context.close()
            self._page = None

    def reset(self) -> None:
        """Leave the app, and remove what a test left: routes, storage, cookies, size, mouse."""
        page = self._page
        if page is None or page.is_closed():
            return
        page.unroute_all(behavior="ignoreErrors")
        address = urlsplit(page.url)
        page.goto("about:blank")
        if address.scheme == "http":
            origin = f"{address.scheme}://{address.netloc}"
            session = page.context.new_cdp_session(page)
            what = {"origin": origin, "storageTypes": "cookies,local_storage"}
            session.send("Storage.clearDataForOrigin", what)
            session.detach()
        page.set_viewport_size(DESKTOP)
        page.mouse.move(0, 0)


@pytest.fixture(scope="session")
def tab(browser: Browser) -> Tab:
    return Tab(browser)


@pytest.fixture
def page(tab: Tab, request: pytest.FixtureRequest) -> Iterator[Page]:
    """An empty page, 1280x900, in English, without storage; `Errors` on it fail the test.

    Tests that need scripts of their own in the page, permissions, another language or a second
    visitor use `open_page`.
    """
    tab.errors.begin(request)
    yield tab.page()
    found = list(tab.errors.found)  # not what leaving the page interrupts
    try:
        tab.reset()
    except playwright.sync_api.Error:  # the next test gets a new page
        tab.close()
        raise
    assert found == [], found
