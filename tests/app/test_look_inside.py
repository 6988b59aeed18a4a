"""Explore's tools that look inside the networks, in a real browser, on the model that ships."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.app.test_accessibility import OWN_TAG_ONLY, complaints
from tests.app.test_explore import LINK, open_explore
from tests.conftest import SHIPPED

KEPT = len(list(SHIPPED.glob("netG_epoch_*.safetensors")))
DRAG = "(it, at) => { it.value = at; it.dispatchEvent(new Event('input')); }"


def background(page: Page, selector: str) -> str:
    style = "it => it.style.backgroundImage + it.style.backgroundPosition"
    return str(page.locator(selector).first.evaluate(style))


@pytest.mark.slow
def test_layers_are_scrubbed_over_epochs_and_a_map_is_silenced(page: Page, app_url: str) -> None:
    open_explore(page, app_url, tool="layers")
    maps = page.locator(".nc-layer-maps")
    expect(maps).to_have_attribute("data-whole", str(KEPT))
    expect(maps.locator(".nc-layer")).to_have_count(4)
    urls: list[str] = []
    page.on("request", lambda one: urls.append(one.url))
    seen = set()
    for at in range(KEPT):
        maps.get_by_label("Epoch").evaluate(DRAG, str(at))
        seen.add(background(page, ".nc-layer-map"))
    assert len(seen) == KEPT
    assert urls == []
    expect(maps).to_have_attribute("data-epoch", LINK["epoch"])
    map_ = maps.locator(".nc-layer").nth(3).locator("button").first
    map_.click()
    expect(map_).to_have_attribute("aria-pressed", "true")
    note = maps.locator("[role=status]")
    expect(note).to_contain_text("of 255 grey levels")
    silenced = background(page, ".nc-layer-picture >> nth=1")
    maps.get_by_label(re.compile("Layer 4, map")).and_(page.locator("input")).evaluate(DRAG, "4")
    expect(note).to_contain_text("change by 0 of 255")  # times 1
    assert background(page, ".nc-layer-picture >> nth=1") != silenced
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.className") == "nc-layer-map"


@pytest.mark.slow
def test_a_sandbox_is_trained_stopped_and_undone(page: Page, app_url: str) -> None:
    open_explore(page, app_url, tool="sandbox")
    page.locator("#sandbox-start").click()
    figures = page.locator("#sandbox-figures")
    expect(figures).to_contain_text("Step 0: training steps of D 0")
    expect(page.locator("#sandbox-about")).to_contain_text("no photos of this run here")
    expect(page.locator("#sandbox-faces img")).to_have_count(16)
    page.locator("#sandbox-d").click()
    expect(figures).to_contain_text("Step 1: training steps of D 1, of G 0")
    page.locator("#sandbox-100").click()
    expect(figures).to_contain_text(re.compile(r"Step [3-9]: "))
    page.locator("#sandbox-stop").click()
    expect(page.locator("#sandbox-charts .nc-chart").first).to_be_visible()
    page.wait_for_timeout(2_500)  # until the step that was under way is done
    page.locator("#sandbox-undo").click()
    expect(figures).to_contain_text("Step 1: training steps of D 1, of G 0")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tool", "shown"),
    [
        ("layers", ".nc-layer-maps[data-whole]"),
        ("heatmap", "#heat-pictures img >> nth=1"),
        ("sandbox", "#sandbox-one_face"),
    ],
)
def test_nothing_serious_in_the_tools_on_a_phone(
    tool: str, shown: str, open_page: Callable[..., Page], app_url: str
) -> None:
    page = open_page(viewport={"width": 390, "height": 844}, locale="ko-KR", color_scheme="dark")
    open_explore(page, app_url, tool=tool)
    expect(page.locator(shown)).to_be_visible()
    page.evaluate(OWN_TAG_ONLY)
    assert complaints(page, tool) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
