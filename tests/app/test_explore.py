"""The Explore tab in a real browser, on the model that ships."""

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from neuroceleb.app.faces import FIRST_SEED
from tests import helpers
from tests.app.browser import await_quiet
from tests.conftest import SHIPPED
from tests.data.faces import faces_helpers

LINK = {"model": SHIPPED.name, "epoch": "29"}
FACE = "#explore-face .nc-easel img"


def open_explore(page: Page, url: str, **query: str) -> None:
    words = "&".join(f"{name}={value}" for name, value in (LINK | query).items())
    page.goto(f"{url}?tab=explore&{words}")
    expect(page.locator(FACE)).to_have_attribute("src", re.compile("^data:image/png"))


def await_fine_frames(page: Page) -> None:
    """Until nothing is requested any more: what is, when a page is left, is reported as aborted."""
    end = page.locator(".nc-end").first
    expect(end).to_have_css("background-size", "2500% 1000%", timeout=helpers.PATIENCE_S * 1000)
    await_quiet(page)


def query_of(page: Page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


@pytest.mark.slow
def test_sliders_paint_without_asking_the_server_and_undo(page: Page, app_url: str) -> None:
    open_explore(page, app_url)
    slider = page.get_by_label("Smiling woman (− stern man)").and_(page.locator("[type=range]"))
    expect(slider).to_be_visible()
    expect(page.locator(".nc-end")).to_have_count(20)
    sizes = page.locator(".nc-end").evaluate_all("all => all.map((it) => it.offsetWidth)")
    assert set(sizes) == {56}
    await_fine_frames(page)
    before = page.locator(FACE).get_attribute("src")
    urls: list[str] = []
    page.on("request", lambda one: urls.append(one.url))
    frames = set()
    for value in ("1", "2", "2.5"):
        slider.evaluate(
            "(it, value) => { it.value = value; it.dispatchEvent(new Event('input')); }", value
        )
        expect(page.locator(".nc-scrubbed")).to_be_visible()
        frames.add(page.locator(".nc-scrubbed").evaluate("it => it.style.backgroundPosition"))
    assert len(frames) == 3
    assert urls == []
    slider.evaluate("it => it.dispatchEvent(new Event('change'))")
    expect(page.locator("#explore-face strong")).to_have_text("A moved face")
    expect(page).to_have_url(re.compile(rf"face={FIRST_SEED}\*0,0,2\.5"))

    await_fine_frames(page)
    page.reload()
    expect(slider).to_have_value("2.5")
    page.locator(".nc-end").first.click()
    expect(page).to_have_url(re.compile(rf"face={FIRST_SEED}\*-3,0,2\.5"))
    page.locator("[data-act=undo]").click()
    expect(page).to_have_url(re.compile(rf"face={FIRST_SEED}\*0,0,2\.5"))
    page.locator("[data-act=reset]").click()
    expect(page.locator(FACE)).to_have_attribute("src", before or "")
    assert "face" not in query_of(page)
    await_fine_frames(page)


@pytest.mark.slow
def test_tool_and_face_are_in_the_address(page: Page, app_url: str) -> None:
    open_explore(page, app_url, tool="arithmetic", sum="1,2|3")
    expect(page.locator("#term-base img")).to_have_count(2)
    expect(page.locator("#explore-grid button")).to_have_count(24)
    page.locator("#explore-grid button").nth(4).click()
    expect(page.locator("#term-base img")).to_have_count(3)
    expect(page).to_have_url(re.compile(r"sum=1,2,4%7C3"))
    expect(page).to_have_url(re.compile("face=z"))
    page.get_by_role("radio", name="Is it a copy?").check()
    expect(page.locator("#copy-verdict")).to_contain_text("From the evaluation of epoch 29")
    expect(page.locator("#survey")).to_be_disabled()
    assert query_of(page)["tool"] == "nearest"
    page.go_back()
    expect(page.locator("#term-base img")).to_have_count(3)


@pytest.mark.slow
def test_the_map_shows_faces_from_a_zoom_on(page: Page, app_url: str) -> None:
    open_explore(page, app_url, tool="map")
    canvas = page.locator("#map canvas")
    expect(canvas).to_have_attribute("data-shows", "dots", timeout=helpers.PATIENCE_S * 1000)
    for _ in range(3):
        page.get_by_role("button", name="Closer").click()
    expect(canvas).to_have_attribute("data-shows", "faces")
    canvas.focus()
    for key in ("ArrowLeft", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    expect(page).to_have_url(re.compile(r"face=\d+"))
    expect(canvas).to_have_attribute("data-marked", re.compile(r"^\d+$"))
    picked = re.search(r"face=(\d+)", page.url)
    assert picked
    expect(canvas).to_have_attribute("data-marked", picked[1])
    page.locator("#explore-seed input").fill("5")
    expect(canvas).to_have_attribute("data-marked", "5")
    page.get_by_role("radio", name="Components").check()
    expect(canvas).to_have_attribute("data-shows", "faces")


@pytest.mark.slow
def test_a_photo_is_searched_for_and_stopped(page: Page, app_url: str, tmp_path: Path) -> None:
    open_explore(page, app_url, tool="photo")
    expect(page.locator("#stop-search")).to_be_hidden()
    photo = faces_helpers.save(tmp_path / "one.png", faces_helpers.portrait())
    page.locator("#explore-photo input[type=file]").set_input_files(photo)
    expect(page.locator("#way button").nth(2)).to_be_visible(timeout=helpers.PATIENCE_S * 1000)
    stop = page.locator("#stop-search")
    stop.click()
    expect(page.locator("#search-facts")).to_contain_text("Stopped")
    expect(stop).to_be_hidden()
    page.locator("#way button").first.click()
    expect(page).to_have_url(re.compile("face=z"))


@pytest.mark.slow
def test_korean_on_a_phone(open_page: Callable[..., Page], app_url: str) -> None:
    page = open_page(locale="ko-KR", viewport={"width": 390, "height": 844})
    open_explore(page, app_url)
    last = page.locator("#explore-face [type=range]").last
    last.scroll_into_view_if_needed()
    expect(page.locator(FACE)).to_be_in_viewport()  # it stays in view while sliders are moved
    for tool in ("arithmetic", "photo", "nearest", "map"):
        page.locator(f"#explore-tool input[value={tool}]").check()
        page.wait_for_timeout(500)
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, tool
