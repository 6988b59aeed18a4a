"""What the fixtures of pages call an error."""

from playwright.sync_api import Page

from tests.pages import Tab


def test_aborted_streams_are_errors_unless_their_page_is_left(page: Page, tab: Tab) -> None:
    page.goto("data:text/html,<p>one</p>")
    page.evaluate("console.error('AbortError: signal is aborted without reason')")
    page.evaluate("history.replaceState(null, '', '#two')")
    page.wait_for_timeout(100)
    assert [text.partition(":")[0] for text in tab.errors.found] == ["console"]
    page.goto("data:text/html,<p>two</p>")
    assert tab.errors.found == []
    page.evaluate("console.error('another')")
    page.goto("data:text/html,<p>three</p>")
    assert tab.errors.found == ["console: another"]
    tab.errors.found.clear()
