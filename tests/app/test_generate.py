"""The Generate tab in a real browser, on the model that ships."""

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from neuroceleb import images
from neuroceleb.app import faces
from neuroceleb.images import Pixels
from tests import helpers
from tests.app.browser import await_quiet
from tests.conftest import SHIPPED

FACES = "#faces .nc-frame img"
TOAST = ".toast-wrap"
MODEL = SHIPPED.name


def open_generate(page: Page, url: str, query: str = "") -> None:
    page.goto(url + query)
    expect(page.locator(FACES).first).to_be_visible()


def drawn(page: Page) -> list[str]:
    return [image.get_attribute("src") or "" for image in page.locator(FACES).all()]


def captions(page: Page) -> list[str]:
    return page.locator("#faces .nc-caption span").all_text_contents()


def seeds(page: Page) -> Locator:
    return page.locator("#seeds textarea, #seeds input")


def query_of(page: Page) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(page.url).query))


def type_seeds(page: Page, text: str) -> None:
    """Gradio reacts to keys, not to a value that is set."""
    seeds(page).fill("")
    seeds(page).press_sequentially(text)


def png_of(source: str) -> bytes:
    return base64.b64decode(source.partition(",")[2])


def pixels(png: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(png)))


def first_alt(page: Page, seed: int) -> None:
    expect(page.locator(FACES).first).to_have_attribute("alt", f"Generated face of seed {seed}")


def drop(page: Page, selector: str, content: bytes) -> None:
    """A PNG that is dropped on an element."""
    page.evaluate(
        """([selector, text]) => {
            const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], "face.png", { type: "image/png" }));
            for (const type of ["dragover", "drop"]) {
                document.querySelector(selector).dispatchEvent(
                    new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
            }
        }""",
        [selector, base64.b64encode(content).decode()],
    )


def test_a_first_visit_finds_faces(page: Page, app_url: str) -> None:
    open_generate(page, app_url)
    assert len(set(drawn(page))) == 18
    first = page.locator(FACES).first
    assert first.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [64, 64]
    assert first.bounding_box()["width"] > 100
    first_alt(page, faces.FIRST_SEED)
    assert page.url == app_url  # nothing in the address until something is chosen


def test_seeds_are_typed_stepped_and_new(page: Page, app_url: str) -> None:
    open_generate(page, app_url)
    type_seeds(page, "7")
    first_alt(page, 7)
    page.locator("#seeds-on").click()
    first_alt(page, 25)
    assert query_of(page) == {"seed": "25"}
    type_seeds(page, "3,14,20-29")
    expect(page.locator(FACES)).to_have_count(12)
    assert captions(page) == ["3", "14", *map(str, range(20, 30))]
    page.locator("#dice").click()
    expect(page.locator(FACES)).to_have_count(18)
    assert query_of(page)["seed"].isdecimal()


@pytest.mark.refused
def test_a_bad_seed_is_refused_and_the_faces_stay(page: Page, app_url: str) -> None:
    open_generate(page, app_url)
    before = drawn(page)
    type_seeds(page, "<b>x</b>")
    seeds(page).press("Enter")
    expect(page.locator(TOAST)).to_contain_text("'<b>x</b>' is not a number")
    assert drawn(page) == before


@pytest.mark.slow
def test_a_face_is_enlarged_kept_saved_and_opened_again(page: Page, app_url: str) -> None:
    open_generate(page, app_url, "?seed=57&epoch=11&count=6")
    page.locator("#faces .nc-frame").first.click()
    viewer = page.locator(".nc-viewer")
    expect(viewer).to_contain_text("Seed 57")
    page.keyboard.press("ArrowRight")
    expect(viewer).to_contain_text("Seed 58")
    page.keyboard.press("f")
    expect(viewer.locator(".nc-heart")).to_have_attribute("aria-pressed", "true")
    with page.expect_download() as download:
        viewer.get_by_text("Save PNG").click()
    assert download.value.suggested_filename == f"{MODEL}_seed_0058.png"
    png = Path(download.value.path()).read_bytes()
    provenance = json.loads(Image.open(io.BytesIO(png)).text["neuroceleb"])
    assert (provenance["seed"], provenance["epoch"]) == (58, 11)
    page.keyboard.press("Escape")
    page.locator("#view label").nth(1).click()
    expect(page.locator(FACES)).to_have_count(1)
    np.testing.assert_array_equal(pixels(png_of(drawn(page)[0])), pixels(png))
    page.locator("#view label").nth(0).click()
    expect(page.locator(FACES)).to_have_count(6)
    drop(page, "#faces .nc-contact-sheet", png)
    expect(page.locator(FACES)).to_have_count(1)
    first_alt(page, 58)


def test_a_face_is_sent_to_explore_and_its_address_opens_it(page: Page, app_url: str) -> None:
    open_generate(page, app_url, "?seed=7&count=6")
    for place in (2, 4):
        page.locator("#faces .nc-frame").nth(place).click()
        page.locator(".nc-viewer").get_by_text("Explore", exact=True).click()
        seed = 7 + place
        expect(page.locator("#explore-face strong")).to_have_text(f"Seed {seed}")
        await_quiet(page)
        expect(page.locator("#explore-face strong")).to_have_text(f"Seed {seed}")
        found = query_of(page)
        assert (found["face"], found["model"], found["epoch"]) == (str(seed), MODEL, "29")
        page.get_by_role("tab", name="Generate").click()
        expect(page.locator(FACES).first).to_be_visible()
    page.go_back()
    expect(page.locator("#explore-face strong")).to_have_text("Seed 11")


@pytest.mark.slow
def test_back_returns_to_the_seeds_before(page: Page, app_url: str) -> None:
    open_generate(page, app_url, "?seed=7&count=2")
    for first in ("9", "11"):
        page.locator("#seeds-on").click()
        expect(page.locator("#faces .nc-caption span").first).to_have_text(first)
    await_quiet(page)
    for first in ("9", "7"):
        page.go_back()
        expect(page.locator("#faces .nc-caption span").first).to_have_text(first)
        assert query_of(page)["seed"] == first


def test_an_address_opens_exactly_that_face_and_back_returns(page: Page, app_url: str) -> None:
    open_generate(page, app_url, "?seed=57&epoch=11&count=1")
    expect(page.locator(FACES)).to_have_count(1)
    face = drawn(page)
    page.get_by_role("tab", name="Interpolate").click()
    expect(page.locator(".nc-frame-scrubber")).to_have_attribute("data-whole", "64")
    assert query_of(page)["tab"] == "interpolate"
    page.go_back()
    expect(page.get_by_role("tab", name="Generate")).to_have_attribute("aria-selected", "true")
    expect(page.locator(FACES)).to_have_count(1)
    await_quiet(page)
    assert (drawn(page), query_of(page)) == (
        face,
        {"seed": "57", "epoch": "11", "count": "1"},
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("?model=nobody", "There is no model 'nobody' here"),
        ("?epoch=12&seed=3", "Epoch 12 was not kept: this is epoch 11, the nearest."),
        ("?tab=nowhere", "The address names a tab that is not here."),
        ("?seed=5-2", "5-2"),
        ("?seed=abc&count=6", "abc"),
    ],
)
def test_a_stale_address_shows_the_nearest_and_reports_it(
    query: str, sentence: str, page: Page, app_url: str
) -> None:
    open_generate(page, app_url, query)
    expect(page.locator(TOAST)).to_contain_text(sentence)


@pytest.mark.slow
def test_the_sheet_is_one_tab_stop_moved_in_by_arrows(page: Page, app_url: str) -> None:
    open_generate(page, app_url)
    page.locator("#faces .nc-frame").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator(".nc-viewer")).to_contain_text(f"Seed {faces.FIRST_SEED + 1}")
    page.keyboard.press("Escape")
    expect(page.locator("#faces .nc-frame").nth(1)).to_be_focused()
    assert page.locator("#faces .nc-frame[tabindex='0']").count() == 1


@pytest.mark.slow
def test_the_language_is_chosen_and_remembered(page: Page, app_url: str) -> None:
    open_generate(page, app_url)
    await_quiet(page)
    page.locator(".nc-languages button[lang=ko]").click()
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    expect(page.get_by_role("tab", name="생성")).to_be_visible()
    await_quiet(page)
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "ko")


@pytest.mark.slow
def test_256_faces_fit_a_phone(open_page: Callable[..., Page], app_url: str) -> None:
    page = open_page(viewport={"width": 390, "height": 844})
    open_generate(page, app_url, "?seed=1&count=256")
    expect(page.locator(FACES)).to_have_count(256)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.slow
def test_without_a_model_the_page_says_what_to_do(page: Page, tmp_path: Path) -> None:
    app = helpers.App(tmp_path)
    try:
        for tab in ("", "?tab=interpolate", "?tab=explore", "?tab=progress"):
            page.goto(f"{app.url}{tab}")
            expect(page.locator("#no-model")).to_contain_text("No model has faces to show yet")
            for part in ("#faces", "#scrubber", "#palette", "#reel", "#charts"):
                expect(page.locator(part)).to_be_hidden()
        page.locator("#no-model button").click()
        expect(page.locator("#photo-drop")).to_be_visible()
        expect(page.locator("#no-model")).to_be_hidden()
    finally:
        app.kill()


@pytest.mark.slow
@pytest.mark.refused
def test_a_png_of_others_is_refused(page: Page, app_url: str) -> None:
    open_generate(page, app_url)
    before = drawn(page)
    drop(page, "#faces .nc-contact-sheet", images.encode(np.zeros((64, 64, 3), np.uint8)))
    expect(page.locator(TOAST)).to_contain_text("no provenance in it")
    assert drawn(page) == before
