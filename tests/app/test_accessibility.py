"""What axe-core finds on the page, in every tab, dark and light: nothing serious."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

SERIOUS = {"serious", "critical"}
SETTLED_MS = 400  # transitions of colours
LOOKS = 12  # of a second's length at most: what is busy is dimmed until it is done

# Of every element axe writes down its HTML with all that is in it, and pictures are in it as
# megabytes of data: URLs. Only the element's own tag is of use here.
OWN_TAG_ONLY = """() => {
    const whole = Object.getOwnPropertyDescriptor(Element.prototype, "outerHTML").get;
    const own = { get() { return whole.call(this.cloneNode(false)); }, configurable: true };
    Object.defineProperty(Element.prototype, "outerHTML", own);
}"""


def complaints(page: Page, where: str) -> list[str]:
    """Every serious thing that axe finds once the page has come to rest, one line each."""
    page.wait_for_timeout(SETTLED_MS)
    for _ in range(LOOKS):
        found = _serious(page, where)
        if not found:
            break
        page.wait_for_timeout(1_000)
    return found


def _serious(page: Page, where: str) -> list[str]:
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{where}: {one['id']} at {node['target']}: {node['html'][:120]}"
        for one in found
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scheme", "locale", "width"), [("light", "ko-KR", 390), ("dark", "en-US", 1280)]
)
def test_nothing_serious_in_any_tab(
    scheme: str, locale: str, width: int, open_page: Callable[..., Page], app_url: str
) -> None:
    page = open_page(color_scheme=scheme, locale=locale, viewport={"width": width, "height": 900})
    page.goto(app_url)
    expect(page.locator("#faces .nc-frame img").first).to_be_visible()
    page.evaluate(OWN_TAG_ONLY)
    found = complaints(page, "generate")
    page.locator("#faces .nc-frame").first.click()
    found += complaints(page, "viewer")
    page.keyboard.press("Escape")
    tabs = page.locator("#tabs [role=tab]").all()  # on a phone all of them, too
    assert len(tabs) >= 5
    for tab in tabs:
        name = str(tab.get_attribute("aria-controls"))
        tab.click()
        expect(page.locator(f"#{name}")).to_be_visible()
        if name == "tab-interpolate":
            expect(page.locator(".nc-frame-scrubber[data-whole]")).to_be_visible()
        found += complaints(page, name)
        overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert overflow <= 0, f"{name} is {overflow} px wider than the page"
    assert found == []


def test_the_page_has_one_heading_and_says_its_language(page: Page, app_url: str) -> None:
    page.goto(app_url)
    expect(page.locator("#faces .nc-frame img").first).to_be_visible()
    assert page.locator("h1").all_text_contents() == ["Neuro-celeb"]
    assert page.evaluate("document.documentElement.lang") == "en"
    unnamed = page.locator("button, a, input, select").evaluate_all(
        """(all) => all.filter((one) => one.offsetParent && !(one.ariaLabel || one.title
            || one.textContent.trim() || one.labels?.length)).map((one) => one.outerHTML)"""
    )
    assert unnamed == []
