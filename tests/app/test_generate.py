"""The Generate tab in a real browser, and its addresses, on the model that ships."""

import base64
import io
import json
import re
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import parse_qsl, urlencode, urlsplit

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from playwright.sync_api import Page, expect

from neuroceleb import images
from tests import helpers
from tests.conftest import SHIPPED

FACES = "#faces .nc-frame img"
MODEL = SHIPPED.name


def open_generate(page: Page, url: str, query: str = "") -> None:
    page.goto(url + query)
    expect(page.locator(FACES).first).to_be_visible()


def drawn(page: Page) -> list[str]:
    return [image.get_attribute("src") or "" for image in page.locator(FACES).all()]


def captions(page: Page) -> list[str]:
    return page.locator("#faces .nc-caption span").all_text_contents()


def query_of(page: Page) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(page.url).query))


def answer(url: str, body: object = None, kind: str = "application/json") -> tuple[int, bytes]:
    """Status and content of what the server answers; posts where there is a body."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": kind} if data else {})
    try:
        with urllib.request.urlopen(request, timeout=helpers.PATIENCE_S) as got:
            return got.status, got.read()
    except HTTPError as error:
        with error:
            return error.code, error.read()


def faces_of(url: str, **query: object) -> dict:
    status, content = answer(f"{url}faces?{urlencode({'model': MODEL} | query)}")
    assert status == 200, content
    return json.loads(content)


def png_of(item: dict) -> bytes:
    return base64.b64decode(item["png"].partition(",")[2])


# In the browser ----------------------------------------------------------------------------


def test_a_first_visit_finds_faces(page: Page, app_url: str) -> None:
    open_generate(page, app_url)
    assert len(set(drawn(page))) == 18
    first = page.locator(FACES).first
    assert first.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [64, 64]
    assert first.bounding_box()["width"] > 100
    expect(first).to_have_attribute("alt", "Generated face of seed 42")
    assert page.url == app_url  # nothing in the address until something is chosen


def test_seeds_are_typed_stepped_rolled_and_listed(page: Page, app_url: str) -> None:
    open_generate(page, app_url)
    before = drawn(page)
    first = page.locator(FACES).first
    page.locator("#seed").fill("43")
    expect(first).to_have_attribute("alt", "Generated face of seed 43")
    assert drawn(page)[:17] == before[1:]
    page.locator("#seed").press("ArrowDown")
    expect(first).to_have_attribute("alt", "Generated face of seed 42")
    assert drawn(page) == before
    page.locator("#seed-on").click()
    expect(first).to_have_attribute("alt", "Generated face of seed 60")
    page.locator("#seed").fill("7, 7, 42-44")
    expect(page.locator(FACES)).to_have_count(5)
    assert drawn(page)[2:] == before[:3]
    assert captions(page) == ["7", "7", "42", "43", "44"]
    expect(page.locator("#count")).to_be_disabled()
    page.locator("#dice").click()
    expect(page.locator(FACES)).to_have_count(18)
    assert page.locator("#seed").input_value() == captions(page)[0]


@pytest.mark.refused
def test_a_bad_seed_is_told_and_leaves_the_faces(page: Page, app_url: str) -> None:
    open_generate(page, app_url)
    before = drawn(page)
    for text, words in [
        ("-7", "not -7"),
        ("9" * 19, "out of range"),
        ("one", "'one' is not a number"),
        ("0-256", "257 faces cannot be shown at once"),
    ]:
        page.locator("#seed").fill(text)
        page.locator("#seed").blur()
        expect(page.locator("#toast")).to_contain_text(words)
        assert drawn(page) == before


def test_256_faces_fit_the_page(page: Page, app_url: str) -> None:
    open_generate(page, app_url, "?seed=0&count=256")
    expect(page.locator(FACES)).to_have_count(256)
    overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert overflow <= 0


def test_the_address_opens_exactly_that_face_in_a_fresh_browser(
    page: Page, open_page: Callable[..., Page], app_url: str
) -> None:
    open_generate(page, app_url, "?seed=42&truncation=0.7")
    page.locator("#epoch").select_option("6")
    page.locator("#count").fill("3")
    page.locator("#seed").fill("12")
    expect(page.locator(FACES).first).to_have_attribute("alt", "Generated face of seed 12")
    expect(page.locator(FACES)).to_have_count(3)
    expected = {"model": MODEL, "epoch": "6", "seed": "12", "count": "3", "truncation": "0.7"}
    assert query_of(page) == expected
    shown = drawn(page)

    other = open_page(locale="ko-KR")
    open_generate(other, page.url)
    assert drawn(other) == shown
    expect(other.locator("#epoch")).to_have_value("6")
    other.locator(FACES).nth(1).click()
    other.context.grant_permissions(["clipboard-read", "clipboard-write"])
    other.locator("#copy-face").click()
    expect(other.locator("#copy-face")).to_have_text("복사됨")
    link = other.evaluate("navigator.clipboard.readText()")

    open_generate(page, link)
    assert drawn(page) == [shown[1]]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("?model=../<img src=x onerror=alert(1)>", "There is no model '../<img"),
        ("?seed=3&epoch=999", "kept no epoch 999"),
        ("?seed=3&count=100000", "from 1 to 256, not 100000"),
        ("?seed=-3&truncation=NaN", "truncation of the address is no number"),
        ("?tab=nowhere", "names a tab that is not here"),
    ],
)
@pytest.mark.refused
def test_a_bad_link_is_told_and_the_page_goes_on(
    query: str, words: str, page: Page, app_url: str
) -> None:
    page.goto(app_url + query)
    expect(page.locator("#toast")).to_contain_text(words)
    expect(page.locator(FACES)).to_have_count(18)
    page.locator("#dice").click()
    expect(page.locator(FACES).first).not_to_have_attribute("alt", "Generated face of seed 42")


def test_a_saved_face_comes_back_when_it_is_dropped(page: Page, app_url: str) -> None:
    open_generate(page, app_url, "?seed=57&epoch=11&truncation=0.8")
    page.locator("#faces .nc-frame").first.click()
    with page.expect_download() as download:
        page.locator("#save-one").click()
    assert download.value.suggested_filename == "seed_0057.png"
    png = download.value.path().read_bytes()
    image = Image.open(io.BytesIO(png))
    assert (image.size, image.mode) == ((64, 64), "RGB")
    recipe = json.loads(image.text["neuroceleb"])
    assert recipe["sha256"]
    assert {key: recipe[key] for key in ("model", "epoch", "seed", "truncation")} == {
        "model": MODEL,
        "epoch": 11,
        "seed": 57,
        "truncation": 0.8,
    }

    open_generate(page, app_url)
    drop(page, png)
    expect(page.locator(FACES)).to_have_count(1)
    expect(page.locator("#epoch")).to_have_value("11")
    assert png_of({"png": drawn(page)[0]}) == png
    assert "seed=57" in page.url
    expect(page.locator("#truncation-note")).to_contain_text("z × 0.8 from this PNG")


def drop(page: Page, content: bytes) -> None:
    """A file let fall on the middle of the page."""
    page.evaluate(
        """([text]) => {
            const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], "face.png", { type: "image/png" }));
            for (const type of ["dragover", "drop"]) {
                const on = document.querySelector("#faces");
                const event = new DragEvent(type, {
                    dataTransfer: data, bubbles: true, cancelable: true,
                });
                on.dispatchEvent(event);
            }
        }""",
        [base64.b64encode(content).decode()],
    )


@pytest.mark.refused
def test_a_png_without_recipe_is_told(page: Page, app_url: str) -> None:
    open_generate(page, app_url)
    before = drawn(page)
    page.locator("#png").set_input_files(
        {
            "name": "x.png",
            "mimeType": "image/png",
            "buffer": images.encode(np.zeros((64, 64, 3), np.uint8)),
        }
    )
    expect(page.locator("#toast")).to_contain_text("no provenance in it")
    assert drawn(page) == before


@pytest.mark.refused
def test_favourites_stay_in_this_browser(page: Page, app_url: str) -> None:
    open_generate(page, app_url)
    expect(page.locator("#favourites")).to_have_text("Favourites 0")
    page.locator("#favourites").click()
    expect(page.locator("#faces .nc-empty")).to_contain_text("Press the heart")
    page.locator("#favourites").click()
    expect(page.locator(FACES)).to_have_count(18)
    shown = drawn(page)
    page.locator("#faces [data-heart='2']").click()
    page.locator("#faces .nc-frame").nth(5).click()
    page.locator("#viewer").press("f")
    expect(page.locator("#like")).to_have_attribute("aria-pressed", "true")
    page.locator("#viewer").press("Escape")
    page.reload()
    expect(page.locator("#favourites")).to_have_text("Favourites 2")
    page.locator("#favourites").click()
    expect(page.locator(FACES)).to_have_count(2)
    assert [png_of({"png": one}) for one in drawn(page)] == [
        png_of({"png": shown[index]}) for index in (2, 5)
    ]
    page.evaluate(
        """() => {
            const list = JSON.parse(localStorage.getItem("neuroceleb-favourites"));
            list.push({ model: "gone", epoch: 1, seed: 3, truncation: 1 });
            localStorage.setItem("neuroceleb-favourites", JSON.stringify(list));
        }"""
    )
    page.reload()
    page.locator("#favourites").click()
    expect(page.locator(".nc-lost")).to_contain_text("There is no run 'gone'")
    page.locator(".nc-lost button").click()
    expect(page.locator(".nc-lost")).to_have_count(0)
    expect(page.locator(FACES)).to_have_count(2)


@pytest.mark.slow
def test_best_of_tells_what_it_left_out_and_shows_it(page: Page, app_url: str) -> None:
    open_generate(page, app_url, "?seed=42&count=6")
    page.locator("#best").click()
    facts = page.locator("#sheet-facts")
    expect(facts).to_contain_text("The best 6 of 24 by flaw score: 18 left out (75 %)")
    kept = captions(page)
    assert len(kept) == 6
    page.locator("#left-out").click()
    expect(page.locator(FACES)).to_have_count(18)
    assert {int(seed) for seed in kept + captions(page)} == set(range(42, 66))
    page.locator("#left-out").click()
    expect(page.locator(FACES)).to_have_count(6)
    assert captions(page) == kept
    assert "best=yes" in page.url
    page.reload()
    expect(facts).to_contain_text("The best 6 of 24")
    assert captions(page) == kept


def test_best_of_states_its_cost_and_its_bounds(page: Page, app_url: str) -> None:
    open_generate(page, app_url, "?seed=42&count=3")
    best, cost = page.locator("#best"), page.locator("#best-cost")
    expect(cost.locator("span")).to_have_text(["Leaves out 9 of 12", "27 ms a face, about 0.32 s"])
    page.locator("#count").fill("65")
    expect(cost).to_have_text("Needs one seed, not a list, and at most 64 faces")
    expect(best).to_be_disabled()
    page.locator("#count").fill("2")
    best.click()
    expect(cost).to_have_text(re.compile(r"Leaves out 6 of 8\s*[\d,]+ ms a face here, [\d.,]+ s"))


def test_a_truncation_is_stated_and_can_be_reset(
    page: Page, open_page: Callable[..., Page], app_url: str
) -> None:
    open_generate(page, app_url, "?seed=42&count=2")
    note, plain = page.locator("#truncation-note"), drawn(page)
    expect(note).to_be_hidden()
    open_generate(page, app_url, "?seed=42&count=2&truncation=1.2")
    expect(note).to_contain_text("z × 1.2 from this link: no closer to real faces")
    open_generate(page, app_url, "?seed=42&count=2&truncation=0.8")
    expect(note).to_contain_text("z × 0.8 from this link: greyer faces, no fewer flaws")
    scaled = drawn(page)
    page.locator("#faces [data-heart='0']").click()
    page.locator("#truncation-reset").click()
    expect(note).to_be_hidden()
    expect(page.locator("#dice")).to_be_focused()
    assert scaled != plain == drawn(page)
    expected = {"model": MODEL, "epoch": "29", "seed": "42", "count": "2"}
    assert query_of(page) == expected

    page.locator("#favourites").click()
    expect(page.locator(FACES)).to_have_count(1)
    assert png_of({"png": drawn(page)[0]}) == png_of({"png": scaled[0]})
    expect(note).to_contain_text("The z of some of these is scaled")
    expect(page.locator("#truncation-reset")).to_be_hidden()
    page.locator("#faces .nc-frame").first.click()
    expect(page.locator("#viewer")).to_contain_text("z × 0.8")

    other = open_page(locale="ko-KR")
    open_generate(other, app_url, "?seed=42&truncation=0.8")
    expect(other.locator("#truncation-note")).to_contain_text("z × 0.8 (이 링크)")


def test_the_keyboard_alone(page: Page, app_url: str) -> None:
    open_generate(page, app_url)
    page.locator("#faces .nc-frame").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    viewer = page.locator("#viewer")
    expect(viewer).to_contain_text("Seed 43")
    page.keyboard.press("ArrowRight")
    expect(viewer).to_contain_text("Seed 44")
    page.keyboard.press("Escape")
    expect(viewer).not_to_be_visible()
    expect(page.locator("#faces .nc-frame").nth(2)).to_be_focused()


def test_one_click_leads_on(page: Page, app_url: str) -> None:
    open_generate(page, app_url)
    page.locator("#faces .nc-frame").nth(3).click()
    page.locator("#viewer [data-lead=b]").click()
    expect(page.locator("#viewer")).not_to_be_visible()
    expect(page.locator("#tab-interpolate-button")).to_have_attribute("aria-selected", "true")
    expect(page.locator(".nc-walk")).to_have_attribute("data-whole", "12,45")
    assert "tab=interpolate" in page.url


def test_the_language_is_chosen_and_remembered(page: Page, app_url: str) -> None:
    open_generate(page, app_url)
    page.locator("[data-language=ko]").click()
    expect(page.locator("#tab-generate-button")).to_have_text("생성")
    expect(page.locator("#dice")).to_have_text("새 얼굴")
    assert page.evaluate("document.documentElement.lang") == "ko"
    page.reload()
    expect(page.locator("#dice")).to_have_text("새 얼굴")
    page.locator("[data-language=en]").click()
    expect(page.locator("#tab-generate-button")).to_have_text("Generate")


@pytest.mark.slow
def test_without_a_model_it_says_what_to_do(page: Page, tmp_path: Path) -> None:
    app = helpers.App(tmp_path)
    try:
        page.goto(app.url)
        expect(page.locator("#faces .nc-empty")).to_contain_text("No model has faces to show yet")
        expect(page.locator("#faces code")).to_contain_text("python -m neuroceleb train")
        page.locator("#tab-interpolate-button").click()
        expect(page.locator("#walk .nc-empty")).to_contain_text("No model has faces")
        page.goto("about:blank")  # before what it asks meanwhile is cut off
    finally:
        app.kill()


# Its addresses -----------------------------------------------------------------------------


def test_the_same_seed_is_the_same_picture_whatever_is_asked(
    app_url: str, here: helpers.Here, tmp_path: Path
) -> None:
    many = faces_of(app_url, seed=40, count=20)
    alone = faces_of(app_url, seed=42)
    assert alone["faces"] == [many["faces"][2]]
    listed = faces_of(app_url, seed="42,40")
    assert [item["png"] for item in listed["faces"]] == [
        many["faces"][index]["png"] for index in (2, 0)
    ]
    status, content = answer(app_url + many["zip"])
    assert status == 200
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.read("seed_0042.png") == png_of(alone["faces"][0])
    picked = {"faces": [many["faces"][2]["face"], {"model": "gone", "seed": 1}]}
    status, content = answer(app_url + "faces/picked", picked)
    first, second = json.loads(content)["faces"]
    assert np.array_equal(pixels(png_of(first)), pixels(png_of(alone["faces"][0])))
    assert "There is no run 'gone'" in second["problem"]
    run = max(SHIPPED.glob("netG_epoch_*.safetensors"))
    assert here("sample", run, "--seeds", "42", "--out", tmp_path / "cli").code == 0
    saved = images.load(tmp_path / "cli" / "seed_0042.png")
    assert np.array_equal(saved, pixels(png_of(alone["faces"][0])))


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"model": ""}, "No model is chosen"),
        ({"model": "nobody"}, "There is no run 'nobody'"),
        ({"model": "../checkpoints"}, "is not a name"),
        ({"model": "a" * 300}, "is not a name"),
        ({"seed": ""}, "The seed is missing"),
        ({"seed": "-1"}, "out of range"),
        ({"seed": "1e3"}, "not a number"),
        ({"seed": "3.5"}, "must be a whole number"),
        ({"seed": "5-3"}, "runs backwards"),
        ({"seed": "0-100000"}, "100,000"),
        ({"seed": "1," * 5_000}, "is not a seed"),
        ({"seed": "0-300"}, "301 faces"),
        ({"seed": "0", "count": "0"}, "1 to 256"),
        ({"seed": "0", "count": "257"}, "1 to 256"),
        ({"seed": "0", "epoch": "999"}, "kept no epoch 999"),
        ({"seed": "0", "epoch": "last"}, "not a number"),
        ({"seed": "0", "truncation": "nan"}, "not a number"),
        ({"seed": "0", "truncation": "2.5"}, "0 to 2"),
    ],
)
def test_bad_questions_are_answered_in_a_sentence(
    query: dict[str, str], words: str, app_url: str
) -> None:
    for path in ("faces", "faces/best", "faces.zip"):
        asked = urlencode({"model": MODEL, "seed": "0"} | query)
        status, content = answer(f"{app_url}{path}?{asked}")
        assert status == 400, content
        assert words in json.loads(content)["error"]


def test_best_of_is_bounded(app_url: str) -> None:
    for query, words in (({"count": 65}, "64 faces at most"), ({"seed": "1,2"}, "not a list")):
        asked = urlencode({"model": MODEL, "seed": 0} | query)
        status, content = answer(f"{app_url}faces/best?{asked}")
        assert status == 400
        assert words in json.loads(content)["error"]


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"[" * 100_000, b'{"faces": []}', b'{"faces": {}}', b"\xff", b"3"],
)
def test_bad_bodies_are_answered_in_a_sentence(body: bytes, app_url: str) -> None:
    status, content = answer(app_url + "faces/picked", body)
    assert status == 400
    assert json.loads(content)["error"].endswith(".")


# Recipes -----------------------------------------------------------------------------------


def with_recipe(shown: np.ndarray, recipe: object) -> bytes:
    chunk = PngImagePlugin.PngInfo()
    text = recipe if isinstance(recipe, str) else json.dumps(recipe)
    chunk.add_itxt("neuroceleb", text)
    buffer = io.BytesIO()
    Image.fromarray(shown).save(buffer, "PNG", pnginfo=chunk)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def saved(app_url: str) -> tuple[np.ndarray, dict]:
    """Pixels and recipe of a face that was saved."""
    png = png_of(faces_of(app_url, seed=42)["faces"][0])
    shown, recipe = images.decode_png(png, 10**6)
    assert recipe is not None
    return shown, recipe


def restored(app_url: str, png: bytes) -> tuple[int, dict]:
    status, content = answer(app_url + "recipe", png, "image/png")
    return status, json.loads(content)


def test_a_recipe_is_found_by_its_checksum_whatever_it_is_called(
    saved: tuple[np.ndarray, dict], app_url: str
) -> None:
    shown, recipe = saved
    for changed in ({}, {"model": "renamed since"}, {"epoch": 3}):
        status, found = restored(app_url, with_recipe(shown, recipe | changed))
        assert status == 200, found
        assert found["face"] == {"model": MODEL, "epoch": 29, "seed": 42, "truncation": 1.0}


def test_a_sheet_of_the_command_line_comes_back(
    app_url: str, here: helpers.Here, tmp_path: Path
) -> None:
    run = max(SHIPPED.glob("netG_epoch_*.safetensors"))
    out = tmp_path / "sheet.png"
    assert here("sample", run, "--seeds", "5,3,9-12", "--out", out, "--truncation", "0.5").code == 0
    status, found = restored(app_url, out.read_bytes())
    assert status == 200, found
    order = found["order"]
    assert (order["seed"], order["truncation"]) == ("5,3,9,10,11,12", 0.5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 43}, "does not show what its provenance says"),
        ({"truncation": 0.5}, "does not show what its provenance says"),
        ({"seed": -1}, "out of range"),
        ({"seed": "<b>"}, "is not a number"),
        ({"seed": None}, "The seed is missing"),
        ({"truncation": float("nan")}, "is not a number"),
        ({"sha256": "0" * 64}, "made by other weights"),
        ({"sha256": "0" * 64, "model": "nobody"}, "the model 'nobody', which is not here"),
        ({"sha256": "0" * 64, "model": "../../etc"}, "which is not here"),
        ({"sha256": None}, "names no model"),
        ({"model": ["x"]}, "names no model"),
        ({"z": [1, 2, 3]}, "A z of this model is 100 numbers"),
        ({"seeds": [42, 43]}, "does not show what its provenance says"),
        ({"seeds": list(range(300))}, "over 256 faces"),
        ({"seeds": ["42"]}, "no list"),
        ({"seeds": []}, "is not a seed"),
        ({"keys": [{"seed": 42}, {"seed": 43}]}, "the strip of an interpolation"),
    ],
)
def test_a_forged_recipe_is_told(
    change: dict[str, object], words: str, saved: tuple[np.ndarray, dict], app_url: str
) -> None:
    shown, recipe = saved
    status, found = restored(app_url, with_recipe(shown, recipe | change))
    assert status == 400, found
    assert words in found["error"]


@pytest.mark.parametrize(
    ("png", "words"),
    [
        (b"", "no whole PNG"),
        (b"not a picture", "no whole PNG"),
        (helpers.png_that_claims(60_000, 60_000), "more than 4,000,000 pixels"),
        (images.encode(np.zeros((64, 64, 3), np.uint8), ".jpg"), "no whole PNG"),
        (images.encode(np.zeros((64, 64, 3), np.uint8)), "no provenance"),
        (images.encode(np.zeros((64, 64, 3), np.uint8))[:60], "no whole PNG"),
        (with_recipe(np.zeros((64, 64, 3), np.uint8), "{"), "no provenance"),
        (with_recipe(np.zeros((64, 64, 3), np.uint8), "[" * 50_000), "no provenance"),
        (with_recipe(np.zeros((64, 64, 3), np.uint8), "[1]"), "no provenance"),
        (with_recipe(np.zeros((64, 64, 3), np.uint8), {}), "names no model"),
        (bytes(9 * 2**20), "over 8 MB"),
    ],
)
def test_what_is_no_png_of_ours_is_told(png: bytes, words: str, app_url: str) -> None:
    status, found = restored(app_url, png)
    assert status == 400, found
    assert words in found["error"]
