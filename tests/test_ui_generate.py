"""The Generate tab in a real browser, on the model that ships."""

import io
import json

from PIL import Image
from playwright.sync_api import Page, expect

FACES = "#faces .nc-frame img"


def open_generate(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.locator(FACES).first).to_be_visible()


def drawn(page: Page) -> list[str]:
    return [image.get_attribute("src") or "" for image in page.locator(FACES).all()]


def test_a_first_visit_finds_faces(page: Page, app_url: str) -> None:
    open_generate(page, app_url)
    assert len(set(drawn(page))) == 18
    first = page.locator(FACES).first
    assert first.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [64, 64]
    assert first.bounding_box()["width"] > 100
    expect(first).to_have_attribute("alt", "Generated face of seed 42")


def test_a_seed_is_a_face(page: Page, app_url: str) -> None:
    open_generate(page, app_url)
    before = drawn(page)
    page.locator("#seed input").fill("43")
    expect(page.locator(FACES).first).to_have_attribute("alt", "Generated face of seed 43")
    assert drawn(page)[:17] == before[1:]
    page.locator("#dice").click()
    expect(page.locator(FACES).first).not_to_have_attribute("alt", "Generated face of seed 43")
    assert page.locator("#seed input").input_value() in page.locator(FACES).first.get_attribute(
        "alt"
    )


def test_a_bad_seed_gives_a_toast_and_leaves_the_faces(page: Page, app_url: str) -> None:
    open_generate(page, app_url)
    before = drawn(page)
    page.locator("#seed input").fill("-7")
    expect(page.get_by_text("Seed -7 is out of range")).to_be_visible()
    assert drawn(page) == before


def test_a_saved_face_carries_its_recipe(page: Page, app_url: str) -> None:
    open_generate(page, app_url)
    page.locator("#faces .nc-frame").first.click()
    with page.expect_download() as download:
        page.locator("#save-one").click()
    assert download.value.suggested_filename == "seed_0042.png"
    image = Image.open(io.BytesIO(download.value.path().read_bytes()))
    assert (image.size, image.mode) == ((64, 64), "RGB")
    [recipe] = [json.loads(text) for text in image.text.values()]
    assert {key: recipe[key] for key in ("model", "epoch", "seed", "truncation")} == {
        "model": "celeba-mini-classic",
        "epoch": 29,
        "seed": 42,
        "truncation": 1.0,
    }
