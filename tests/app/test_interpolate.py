"""The Interpolate tab in a real browser, on the model that ships."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.app.test_generate import TOAST, first_alt, query_of
from tests.conftest import SHIPPED

SCRUBBER = ".nc-frame-scrubber"
SHOWN = f"document.querySelector('{SCRUBBER} .nc-stage').toDataURL()"


def open_interpolate(page: Page, url: str, query: str = "") -> None:
    page.goto(f"{url}?tab=interpolate{query}")
    expect(page.locator(SCRUBBER)).to_have_attribute("data-whole", re.compile(r"\d+"))


def frames(page: Page, count: int) -> None:
    expect(page.locator(SCRUBBER)).to_have_attribute("data-whole", str(count))


def test_every_frame_is_scrubbed_without_asking_the_server(page: Page, app_url: str) -> None:
    open_interpolate(page, app_url, "&keys=3,14&leg=20")
    slider = page.locator(f"{SCRUBBER} .nc-range")
    expect(slider).to_have_attribute("max", "20")
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    slider.focus()
    seen = {page.evaluate(SHOWN)}
    for frame in range(1, 21):
        page.keyboard.press("ArrowRight")
        expect(page.locator(f"{SCRUBBER} output")).to_have_text(f"{frame + 1} / 21")
        seen.add(page.evaluate(SHOWN))
    assert len(seen) == 21
    expect(page.locator(f"{SCRUBBER} .nc-facts")).to_have_text("End: Seed 14")
    page.keyboard.press("Home")
    box = slider.bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=8)
    page.mouse.up()
    expect(page.locator(f"{SCRUBBER} .nc-facts")).to_contain_text("50%")
    assert urls == []


@pytest.mark.slow
@pytest.mark.refused
def test_faces_are_changed_and_lead_on(page: Page, app_url: str) -> None:
    open_interpolate(page, app_url, "&keys=3,14,15&leg=4")
    frames(page, 9)
    page.locator("[data-action=remove]").nth(1).click()
    frames(page, 5)
    assert query_of(page)["keys"] == "3,15"
    keys = page.locator("#keys textarea, #keys input")
    keys.fill("")
    keys.press_sequentially("3,<b>x</b>")
    keys.press("Enter")
    expect(page.locator(TOAST)).to_contain_text("'<b>x</b>' is no seed")
    keys.fill("")
    keys.press_sequentially("15,3,9")
    keys.press("Enter")
    frames(page, 9)
    page.locator(f"{SCRUBBER} [data-lead=generate]").click()
    first_alt(page, 15)


@pytest.mark.slow
def test_it_plays_and_a_frame_and_a_film_are_saved(page: Page, app_url: str) -> None:
    open_interpolate(page, app_url, "&keys=3,14&leg=30")
    page.locator(f"{SCRUBBER} .nc-round").click()
    expect(page.locator(f"{SCRUBBER} output")).to_have_text("31 / 31")
    expect(page.locator(f"{SCRUBBER} .nc-round")).to_have_attribute("aria-label", "Play")
    with page.expect_download() as download:
        page.locator(f"{SCRUBBER} .nc-accent").click()
    assert download.value.suggested_filename == f"{SHIPPED.name}_seed_0014.png"
    with page.expect_download() as download:
        page.locator("#film-save").click()
    assert download.value.suggested_filename == f"{SHIPPED.name}_interpolation_3-14.mp4"
