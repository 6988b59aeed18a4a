"""The Interpolate tab in a real browser, and its addresses, on the model that ships."""

import io
import json
import re
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from neuroceleb import images
from neuroceleb.latent import interpolation
from tests import helpers
from tests.app.test_generate import answer, drop, faces_of, pixels, png_of
from tests.conftest import SHIPPED

MODEL = SHIPPED.name
WALK = ".nc-walk"
SHOWN = "document.querySelector('#walk-stage').getContext('2d').getImageData(0, 0, 64, 64).data"


def open_walk(page: Page, url: str, query: str = "") -> None:
    page.goto(f"{url}?tab=interpolate{query}")
    expect(page.locator(WALK)).to_have_attribute("data-whole", re.compile(r"[\d,z]+"))


def stage(page: Page) -> np.ndarray:
    """The pixels on the stage: (64, 64, 3)."""
    values = page.evaluate(f"Array.from({SHOWN})")
    return np.array(values, np.uint8).reshape(64, 64, 4)[..., :3]


def face(url: str, seed: int, **query: object) -> np.ndarray:
    return pixels(png_of(faces_of(url, seed=seed, **query)["faces"][0]))


def walk(**changes: object) -> dict[str, object]:
    keys = [{"seed": seed, "truncation": 1} for seed in (3, 14)]
    return {"model": MODEL, "keys": keys, "frames": 8} | changes


# In the browser ----------------------------------------------------------------------------


@pytest.mark.slow
def test_the_slider_shows_every_frame_without_asking_the_server(page: Page, app_url: str) -> None:
    open_walk(page, app_url, "&keys=3,14&leg=20")
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    slider = page.locator("#walk-scrub")
    expect(slider).to_have_attribute("max", "20")
    np.testing.assert_array_equal(stage(page), face(app_url, 3))
    expect(page.locator("#walk-name")).to_have_text("A · Seed 3")
    seen = {stage(page).tobytes()}
    slider.focus()
    for frame in range(1, 21):
        page.keyboard.press("ArrowRight")
        expect(page.locator("#walk-at")).to_have_text(f"{frame + 1} / 21")
        seen.add(stage(page).tobytes())
    assert len(seen) == 21
    np.testing.assert_array_equal(stage(page), face(app_url, 14))
    page.keyboard.press("Home")
    expect(page.locator("#walk-at")).to_have_text("1 / 21")
    box = slider.bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=8)
    page.mouse.up()
    expect(page.locator("#walk-name")).to_have_text("A → B 50 %")
    assert urls == []


@pytest.mark.slow
def test_the_page_shows_the_pixels_of_the_verb(
    page: Page, app_url: str, here: helpers.Here, tmp_path: Path
) -> None:
    weights = max(SHIPPED.glob("netG_epoch_*.safetensors"))
    out = tmp_path / "walk.png"
    count = interpolation.frame_count(3, 30, loop=True)
    arguments = ("--seeds", "3,14,15", "--frames", str(count), "--loop", "--easing", "smooth")
    assert here("interpolate", weights, *arguments, "--out", out).code == 0
    expected = images.ungrid(images.load(out), count, 64)

    open_walk(page, app_url, "&keys=3,14,15&leg=30&loop=yes&easing=smooth")
    expect(page.locator("#walk-scrub")).to_have_attribute("max", str(count - 1))
    page.locator("#walk-scrub").focus()
    for frame in (0, 29, 30, 63, 64, 65, 89):  # across the pieces that frames come in
        page.locator("#walk-scrub").fill(str(frame))
        np.testing.assert_array_equal(stage(page), expected[frame], str(frame))


def test_keys_are_changed_added_moved_and_taken_out(page: Page, app_url: str) -> None:
    open_walk(page, app_url, "&keys=3,14&leg=4")
    root = page.locator(WALK)
    page.locator("[data-key='1']").fill("15")
    page.locator("[data-key='1']").press("Enter")
    expect(root).to_have_attribute("data-whole", "3,15")
    assert "keys=3,15" in page.url
    expect(page.locator("[data-do=out]").first).to_be_disabled()  # two are the fewest
    page.locator("#walk-add").click()
    expect(page.locator(".nc-keys [data-key]")).to_have_count(3)
    page.locator("[data-key='2']").fill("9")
    page.locator("[data-key='2']").press("Enter")
    expect(root).to_have_attribute("data-whole", "3,15,9")
    page.locator("[data-do=left]").nth(2).click()
    expect(root).to_have_attribute("data-whole", "3,9,15")
    page.locator("[data-do=out]").nth(0).click()
    expect(root).to_have_attribute("data-whole", "9,15")
    page.locator("#walk-loop").check()
    expect(page.locator("#walk-scrub")).to_have_attribute("max", "7")
    for _ in range(10):
        page.locator("#walk-add").click()
    expect(page.locator("#walk-add")).to_be_disabled()  # twelve are the most
    expect(page.locator(".nc-keys [data-key]")).to_have_count(12)


@pytest.mark.refused
def test_a_bad_seed_is_told_and_the_slider_stays(page: Page, app_url: str) -> None:
    open_walk(page, app_url, "&keys=3,14&leg=4")
    before = stage(page)
    for text, words in (("-1", "out of range"), ("<b>x</b>", "'<b>x</b>' is not a number")):
        page.locator("[data-key='0']").fill(text)
        page.locator("[data-key='0']").press("Enter")
        expect(page.locator("#toast")).to_contain_text(words)
        np.testing.assert_array_equal(stage(page), before)
    page.locator("[data-key='0']").fill("14")
    page.locator("[data-key='0']").press("Enter")
    expect(page.locator(WALK)).to_have_attribute("data-whole", "14,14")


def test_it_plays_pauses_and_goes_round(page: Page, app_url: str) -> None:
    open_walk(page, app_url, "&keys=3,14&leg=6&loop=yes")
    page.locator("#walk-fps").select_option("60")
    page.locator("#walk-stage").click()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Space")
    expect(page.locator("#walk-play")).to_have_attribute("aria-label", "Pause")
    seen = set()
    deadline = time.monotonic() + helpers.PATIENCE_S
    while len(seen) < 12 and time.monotonic() < deadline:
        seen.add(page.locator("#walk-at").text_content())
    assert len(seen) == 12
    page.keyboard.press("Space")
    expect(page.locator("#walk-play")).to_have_attribute("aria-label", "Play")
    here = page.locator("#walk-at").text_content()
    page.wait_for_timeout(200)
    expect(page.locator("#walk-at")).to_have_text(here or "")


def test_a_frame_between_keys_is_saved_and_leads_on(page: Page, app_url: str) -> None:
    open_walk(page, app_url, "&keys=3,14&leg=10")
    page.locator("#walk-scrub").fill("5")
    between = stage(page)
    with page.expect_download() as download:
        page.locator("#walk-save").click()
    png = download.value.path().read_bytes()
    np.testing.assert_array_equal(pixels(png), between)
    page.locator(".nc-walk [data-lead=a]").click()
    expect(page.locator(WALK)).to_have_attribute("data-whole", "z,14")
    page.locator("#walk-scrub").fill("0")
    np.testing.assert_array_equal(stage(page), between)
    # The saved frame has no seed, but its z in its recipe: dropped, it comes back.
    page.locator("#tab-generate-button").click()
    page.locator("#png").set_input_files(
        {"name": "face.png", "mimeType": "image/png", "buffer": png}
    )
    expect(page.locator("#faces .nc-frame img")).to_have_count(1)
    source = page.locator("#faces .nc-frame img").get_attribute("src")
    np.testing.assert_array_equal(pixels(png_of({"png": source})), between)


def test_a_png_dropped_here_becomes_a_key(page: Page, app_url: str) -> None:
    open_walk(page, app_url, "&keys=3,14&leg=4")
    drop(page, png_of(faces_of(app_url, seed=57)["faces"][0]))
    expect(page.locator(WALK)).to_have_attribute("data-whole", "3,14,57")


@pytest.mark.parametrize("suffix", [".mp4", ".png"])
def test_a_film_is_made_and_saved(suffix: str, page: Page, app_url: str) -> None:
    open_walk(page, app_url, "&keys=3,14,15&leg=10")
    page.locator("#video-suffix").select_option(suffix)
    with page.expect_download() as download:
        page.locator("#video-make").click()
        expect(page.locator("#video-progress")).to_be_visible()
    expect(page.locator("#video-status")).to_have_text("The video is ready.")
    assert download.value.suggested_filename == f"{MODEL}_walk_3-14-15{suffix}"
    content = download.value.path().read_bytes()
    if suffix == ".png":
        strip, recipe = images.decode_png(content, 10**7)
        frames = images.ungrid(strip, 21, 64)
        for place, seed in ((0, 3), (10, 14), (20, 15)):
            np.testing.assert_array_equal(frames[place], face(app_url, seed))
        assert recipe is not None
        assert [key["seed"] for key in recipe["keys"]] == [3, 14, 15]
    else:
        assert b"avc1" in content


@pytest.mark.slow
def test_its_address_opens_the_same_walk(open_page: Callable[..., Page], app_url: str) -> None:
    page = open_page()
    open_walk(page, app_url)
    page.locator("#walk-epoch").select_option("11")
    page.locator("#walk-way").select_option("linear")
    page.locator("#walk-leg").fill("9")
    expect(page.locator("#walk-scrub")).to_have_attribute("max", "9")
    page.locator("#walk-scrub").fill("4")
    shown = stage(page)
    other = open_page(viewport={"width": 390, "height": 844}, locale="ko-KR")
    other.goto(page.url)
    expect(other.locator("#walk-scrub")).to_have_attribute("max", "9")
    other.locator("#walk-scrub").fill("4")
    np.testing.assert_array_equal(stage(other), shown)
    assert other.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


# Its addresses -----------------------------------------------------------------------------


def frames_of(url: str, values: dict[str, object]) -> np.ndarray:
    status, content = answer(f"{url}walk", values)
    assert status == 200, content
    with Image.open(io.BytesIO(content)) as sprite:
        sheet = np.asarray(sprite.convert("RGB"))
    rows, columns = sheet.shape[0] // 64, sheet.shape[1] // 64
    tiles = sheet.reshape(rows, 64, columns, 64, 3).swapaxes(1, 2)
    return tiles.reshape(-1, 64, 64, 3)


def test_frames_come_in_pieces_without_loss(app_url: str) -> None:
    first = frames_of(app_url, walk(frames=99))
    second = frames_of(app_url, walk(frames=99, start=64))
    assert len(first) == 64
    np.testing.assert_array_equal(first[0], face(app_url, 3))
    np.testing.assert_array_equal(second[35], face(app_url, 14))
    whole = frames_of(app_url, walk(frames=99, start=60))
    np.testing.assert_array_equal(whole[4:40], second[:36])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": None}, "No model is chosen"),
        ({"model": "nobody"}, "There is no run 'nobody'"),
        ({"epoch": 999}, "kept no epoch 999"),
        ({"keys": None}, "key faces are missing"),
        ({"keys": []}, "add one"),
        ({"keys": [{"seed": 1}] * 13}, "leave some out"),
        ({"keys": [{"seed": 1}, {"seed": -1}]}, "out of range"),
        ({"keys": [{"seed": 1}, {"seed": "one"}]}, "not a number"),
        ({"keys": [{"seed": 1}, {"z": [1, 2]}]}, "100 numbers"),
        ({"keys": [{"seed": 1}, {"z": [11] * 100}]}, "-10 to 10"),
        ({"keys": [{"seed": 1}, 7]}, "is no face"),
        ({"keys": [{"seed": 1, "truncation": 9}, {"seed": 2}]}, "0 to 2"),
        ({"frames": 0}, "from 1 to 240"),
        ({"frames": 10**9}, "from 1 to 240"),
        ({"frames": "many"}, "not a number"),
        ({"method": "swim"}, "no method 'swim'"),
        ({"easing": ["hop"]}, "interpolation method is missing"),
        ({"loop": "yes"}, "key faces are missing"),
        ({"start": 9}, "from 0 to 8, not 9"),
        ({"start": -1}, "not -1"),
    ],
)
def test_bad_walks_are_told_in_a_sentence(
    change: dict[str, object], words: str, app_url: str
) -> None:
    status, content = answer(f"{app_url}walk", walk(**change))
    assert status == 400, content
    assert words in json.loads(content)["error"]


def test_videos_that_cannot_be_are_refused(app_url: str) -> None:
    for change, words in (
        ({"suffix": ".exe"}, "Videos end in"),
        ({"suffix": [".mp4"]}, "Videos end in"),
        ({"suffix": ".mp4", "scale": 3}, "enlarged"),
        ({"suffix": ".mp4", "fps": -1}, "frames a second"),
        ({"suffix": ".gif", "fps": 60}, "1 to 50"),
        ({"suffix": ".gif", "scale": 8, "frames": 240, "keys": [{"seed": 1}] * 12}, "too much"),
    ):
        status, content = answer(f"{app_url}walk/video", walk(**change))
        assert status == 400, (change, content)
        assert words in json.loads(content)["error"]


def test_a_cancelled_video_is_not_made(app_url: str) -> None:
    values = walk(suffix=".mp4", scale=4, frames=240, keys=[{"seed": seed} for seed in range(12)])
    keys = [json.loads(answer(f"{app_url}walk/video", values)[1])["task"] for _ in range(2)]
    status, content = answer(f"{app_url}tasks/{keys[1]}/file")
    assert (status, b"not ready" in content) == (400, True)
    for key in keys:
        request = urllib.request.Request(f"{app_url}tasks/{key}", method="DELETE")
        urllib.request.urlopen(request, timeout=helpers.PATIENCE_S).close()
    helpers.wait_for(
        lambda: all(
            json.loads(answer(f"{app_url}tasks/{key}")[1])["state"] == "cancelled" for key in keys
        )
    )
