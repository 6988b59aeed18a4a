"""What several browser tests do with a page."""

import time

from playwright.sync_api import Page

from tests import pages

QUIET_S = 0.5
MOST_S = 10.0


def await_quiet(page: Page) -> None:
    """Until a page of these fixtures has had no request open for QUIET_S, MOST_S at most.

    What is requested when a page is left, Gradio's stream of answers for one, is reported in its
    console as aborted.
    """
    began = quiet_since = time.monotonic()
    while time.monotonic() < began + MOST_S:
        page.wait_for_timeout(50)
        if pages.open_requests[page]:
            quiet_since = time.monotonic()
        elif time.monotonic() > quiet_since + QUIET_S:
            return
