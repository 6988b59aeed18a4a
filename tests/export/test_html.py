"""A model as one HTML file, opened from disk in Chromium with the network cut."""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from neuroceleb.errors import UserError
from neuroceleb.export import html
from neuroceleb.export.bundle import bundle
from neuroceleb.latent.seeds import MAX_SEED, z_from_seed, z_from_seeds
from neuroceleb.model import checkpoint, generator
from neuroceleb.runs.run import Run
from tests import helpers
from tests.export import node
from tests.pages import new_context

MODEL = Run(helpers.ROOT / "checkpoints" / "celeba-mini")
SEEDS = [*range(12), 2**32 + 5, MAX_SEED]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exported") / "faces.html"
    html.save(out, MODEL.weights(), MODEL)
    return out


class Opened:
    """A page opened from disk without a network, and all that it asked for."""

    def __init__(self, browser: Browser, path: Path, **options: Any) -> None:
        self.context = new_context(browser, offline=True, **options)
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on(
            "console",
            lambda message: self.errors.append(message.text) if message.type == "error" else None,
        )
        self.page.goto(path.as_uri())

    def close(self, path: Path) -> None:
        self.context.close()
        assert self.errors == []
        outside = {url for url in self.requests if not url.startswith("blob:")}
        assert outside == {path.as_uri()}  # the file itself; the worker is a blob of the page


@pytest.fixture
def page(browser: Browser, exported: Path) -> Iterator[Page]:
    opened = Opened(browser, exported)
    yield opened.page
    opened.close(exported)


def faces_in(page: Page, seeds: list[int]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    code = """async (seeds) => {
        const faces = [];
        for (const seed of seeds) faces.push([...(await window.neuroceleb.generate(seed))]);
        return faces;
    }"""
    return np.array(page.evaluate(code, seeds), np.uint8).reshape(-1, 64, 64, 4)


def test_its_faces_are_those_of_pytorch(page: Page) -> None:
    found = faces_in(page, SEEDS)
    expected = generator.load(MODEL.weights()).images(z_from_seeds(SEEDS, 100))
    assert (found[..., 3] == 255).all()
    assert np.abs(found[..., :3].astype(int) - expected).max() <= 1


def test_its_latents_are_those_of_numpy(page: Page) -> None:
    found = page.evaluate("(seeds) => seeds.map((s) => [...window.neuroceleb.latent(s)])", SEEDS)
    assert np.array_equal(np.array(found, np.float32), z_from_seeds(SEEDS, 100))


def test_a_script_can_render_any_z(page: Page) -> None:
    z = z_from_seed(3, 100) * np.float32(0.5)
    code = "async (z) => [...(await window.neuroceleb.render(z))]"
    found = np.array(page.evaluate(code, z.tolist()), np.uint8).reshape(64, 64, 4)
    expected = generator.load(MODEL.weights()).images(z[None])[0]
    assert np.abs(found[..., :3].astype(int) - expected).max() <= 1


def test_the_file_is_small_and_holds_no_photo(exported: Path) -> None:
    assert exported.stat().st_size <= html.MAX_BYTES
    text = exported.read_text("utf-8")
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
    data = json.loads(re.findall(r'id="data">(.*?)</script>', text)[0])
    assert [frame["epoch"] for frame in data["film"]] == list(MODEL.sheets())
    for frame, path in zip(data["film"], MODEL.sheets().values(), strict=True):
        assert base64.b64decode(frame["sheet"]) == path.read_bytes()
    assert text.count("data:image") == 0


def test_the_sheet_shows_the_seeds_and_the_keyboard_moves(page: Page) -> None:
    frames = page.locator(".grid .frame")
    expect(frames).to_have_count(24)
    page.locator("#seed").fill("7")
    page.keyboard.press("Enter")
    expect(page.locator(".grid .caption").first).to_have_text("7")
    frames.first.focus()
    page.keyboard.press("ArrowRight")
    expect(frames.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Seed 8")
    page.keyboard.press("ArrowRight")
    expect(dialog).to_contain_text("Seed 9")
    with page.expect_download() as saved:
        dialog.get_by_role("button", name="Save PNG").click()
    assert saved.value.suggested_filename == "celeba-mini_seed_9.png"
    dialog.get_by_role("button", name="Explore").click()
    expect(page.locator("#explore-seed")).to_have_value("9")


def pixels(page: Page, selector: str) -> list[int]:
    code = """(selector) => {
        const canvas = document.querySelector(selector);
        return [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data];
    }"""
    found: list[int] = page.evaluate(code, selector)
    return found


def wait_for_face(page: Page, selector: str, expected: np.ndarray[Any, Any]) -> None:
    def is_shown() -> bool:
        page.wait_for_timeout(10)
        found = np.array(pixels(page, selector)).reshape(64, 64, 4)[..., :3]
        return bool(np.abs(found - expected).max() <= 1)

    helpers.wait_for(is_shown)


def test_the_slider_moves_between_two_to_twelve_faces(page: Page) -> None:
    from neuroceleb.latent.interpolation import interpolate

    page.get_by_role("tab", name="Interpolate").click()
    keys = z_from_seeds([43, 44], 100)
    middle = generator.load(MODEL.weights()).images(interpolate(keys, 3)[1:2])[0]
    page.locator("#position").fill("0.5")
    wait_for_face(page, "#panel-interpolate .large", middle)
    for _ in range(8):
        page.get_by_role("button", name="Add a face").click()
    expect(page.locator(".stops li")).to_have_count(12)
    expect(page.get_by_role("button", name="Add a face")).to_be_disabled()
    for _ in range(10):
        page.locator(".stops .small").first.click()
    expect(page.locator(".stops .small").first).to_be_disabled()
    page.locator("#position").fill("0")
    page.locator("#play-walk").click()
    helpers.wait_for(lambda: float(page.locator("#position").input_value()) > 0.02)
    page.locator("#play-walk").click()


def test_a_direction_moves_the_face(page: Page, exported: Path) -> None:
    text = exported.read_text("utf-8")
    data = json.loads(re.findall(r'id="data">(.*?)</script>', text)[0])
    page.get_by_role("tab", name="Explore").click()
    sliders = page.locator(".direction input")
    expect(sliders).to_have_count(10)
    sliders.nth(2).fill("-2")
    step = np.array(data["directions"][2]["step"], np.float64)
    z = (z_from_seed(43, 100) - 2 * step).astype(np.float32)
    model = generator.load(MODEL.weights())
    wait_for_face(page, "#panel-explore .large", model.images(z[None])[0])
    page.get_by_role("button", name="Reset").click()
    unmoved = model.images(z_from_seeds([43], 100))[0]
    wait_for_face(page, "#panel-explore .large", unmoved)


@pytest.mark.slow
def test_the_film_shows_every_epoch_with_the_charts_and_the_verdict(page: Page) -> None:
    page.get_by_role("tab", name="Progress").click()
    sheet = page.locator("canvas.sheet")
    expect(sheet).to_have_attribute("data-epoch", "71")
    page.locator("#scrub").fill("3")
    expect(sheet).to_have_attribute("data-epoch", "3")
    expect(page.locator(".film")).to_contain_text("53,888 images seen")
    assert page.locator(".chart").count() >= 4
    expect(page.locator(".chart").first).to_contain_text("loss D 0.95")
    expect(page.locator(".verdict")).to_contain_text("Learning: D and G keep each other busy.")
    page.locator("#play-film").click()
    expect(sheet).to_have_attribute("data-epoch", "71")
    expect(page.locator("#play-film")).to_have_text("Play")


def test_the_card_has_terms_and_figures(page: Page) -> None:
    page.get_by_role("tab", name="About").click()
    about = page.locator("#panel-about")
    expect(about).to_contain_text("Non-commercial research only: trained on CelebA.")
    expect(about).to_contain_text("99.7 % (99.3 % – 99.8 %)")


def test_it_speaks_korean_and_remembers(page: Page, exported: Path) -> None:
    page.get_by_role("button", name="한국어").click()
    expect(page.get_by_role("tab", name="생성")).to_be_visible()
    page.get_by_role("tab", name="학습 과정").click()
    expect(page.locator(".verdict")).to_contain_text("잘 배우고 있습니다")
    page.get_by_role("button", name="어둡게").click()
    page.goto(exported.as_uri())
    expect(page.get_by_role("tab", name="생성")).to_be_visible()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.evaluate("localStorage.clear()")


@pytest.mark.slow
@pytest.mark.parametrize("options", [PHONE, {"color_scheme": "dark"}])
def test_every_tab_is_accessible_and_fits(
    browser: Browser, exported: Path, options: dict[str, Any]
) -> None:
    opened = Opened(browser, exported, bypass_csp=True, **options)
    for name in ("Generate", "Interpolate", "Explore", "Progress", "About"):
        opened.page.get_by_role("tab", name=name).click()
        assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        found = Axe().run(opened.page).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"][:120]) for one in found] == [], name
    opened.context.close()
    assert opened.errors == []


def test_a_file_without_a_run_has_no_progress(browser: Browser, tmp_path: Path) -> None:
    weights, out = tmp_path / "netG.safetensors", tmp_path / "<b>&.html"
    network = helpers.random_generator()
    checkpoint.save_weights(weights, network, {"run": "<b>&</script>", "epoch": 1})
    html.save(out, weights)
    opened = Opened(browser, out)
    expect(opened.page.locator("h1")).to_have_text("<b>&</script>")
    expect(opened.page.get_by_role("tab")).to_have_count(4)
    found = faces_in(opened.page, [5])[0, ..., :3].astype(int)
    assert np.abs(found - generator.render(network, z_from_seeds([5], 8))[0]).max() <= 1
    opened.close(out)


def test_the_command_line_exports_a_run(here: helpers.Here, tmp_path: Path, finished: Run) -> None:
    out = tmp_path / "made" / "faces.html"
    outcome = here("export", finished.path, "--format", "html", "--out", out)
    assert outcome.code == 0, outcome.err
    assert " MB" in outcome.err
    text = out.read_text("utf-8")
    data = json.loads(re.findall(r'id="data">(.*?)</script>', text)[0])
    assert [frame["epoch"] for frame in data["film"]] == list(finished.sheets())
    photo = base64.b64encode(finished.real_sheet_file().read_bytes()).decode()
    assert photo[4:200] not in text
    assert str(finished.path.parent) not in text


def test_weights_too_large_for_float16_take_24_bits() -> None:
    network = helpers.random_generator()
    expected = html.encode_model(network)
    assert expected["bits"] == 16
    convolution, norm = network.main[0], network.main[1]
    convolution.weight.data *= 1e6  # the same faces: BatchNorm undoes it
    norm.running_mean *= 1e6
    norm.running_var *= 1e12
    assert html.encode_model(network)["bits"] == 24


def test_weights_that_would_change_the_faces_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, out = tmp_path / "netG.safetensors", tmp_path / "faces.html"
    checkpoint.save_weights(weights, helpers.random_generator(), {})
    monkeypatch.setattr(html, "_round", lambda weight, bits: weight * np.float32(1.5))
    with pytest.raises(UserError, match="grey levels off"):
        html.save(out, weights)
    assert not out.exists()


def test_the_scripts_are_whole() -> None:
    for entry in ("main", "worker"):
        script = bundle(entry)
        assert not re.search(r"^\s*(import|export)\b", script, re.MULTILINE)
        assert "</" not in script


@node.needs_node
def test_both_languages_have_the_same_texts() -> None:
    code = 'import { TEXTS } from "PAGE/texts.js"; console.log(JSON.stringify(TEXTS));'
    texts = node.run(code)
    assert list(texts["en"]) == list(texts["ko"])
    for key, text in texts["en"].items():
        names = set(re.findall(r"\{\w+\}", text))
        assert names == set(re.findall(r"\{\w+\}", texts["ko"][key])), key
