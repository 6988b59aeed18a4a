"""What several browser tests do with a page."""

from contextlib import suppress

from playwright.sync_api import Page
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError


def await_quiet(page: Page) -> None:
    """Until a page requests nothing, 5 s at most.

    Gradio may leave a stream open until its next call. What is requested when a page is left, is
    reported in its console as aborted.
    """
    with suppress(PlaywrightTimeoutError):
        page.wait_for_load_state("networkidle", timeout=5_000)
