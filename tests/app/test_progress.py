"""The Progress tab in a real browser: on the run that ships, and on a run in training."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from neuroceleb import images
from neuroceleb.runs import jobs, timelapse
from neuroceleb.runs.workspace import Workspace
from tests import helpers
from tests.conftest import SHIPPED
from tests.runs.test_import_2017 import original_run

SHEET = "#course .nc-frame-a canvas"
OTHER_SHEET = "#course .nc-frame-b canvas"
LAST = 29
LONG = 100_000
# The colours of a face on a canvas that shows a sheet, or one face alone.
FACE = """
(canvas, face) => {
  const columns = (canvas.width - 2) / 66;
  const corner = [2 + 66 * (face % columns), 2 + 66 * Math.floor(face / columns)];
  const [x, y] = canvas.width === 64 ? [0, 0] : corner;
  const { data } = canvas.getContext("2d").getImageData(x, y, 64, 64);
  return [...data].filter((_, at) => at % 4 !== 3);
}
"""


def open_progress(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_role("tab", name="Progress").click()
    expect(page.locator(SHEET)).to_have_attribute("data-epoch", page.evaluate(NEWEST))


NEWEST = """
async () => {
  const told = () => document.querySelector("#epoch-shown strong")?.textContent.match(/\\d+/)[0];
  while (!told()) await new Promise((go) => setTimeout(go, 50));
  return told();
}
"""


def far_apart(one: list[int], other: list[int]) -> float:
    """The mean difference of two faces' levels."""
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / len(one)


def face_of(epoch: int, face: int) -> list[int]:
    sheet = images.load(SHIPPED / f"fake_samples_epoch_{epoch:03d}.webp")
    return [int(level) for level in timelapse.cut(sheet, face).ravel()]


@pytest.mark.slow
def test_the_slider_scrubs_and_plays(page: Page, app_url: str) -> None:
    open_progress(page, app_url)
    sheet, slider = page.locator(SHEET), page.locator("#scrub")
    assert sheet.evaluate("canvas => canvas.width") == 8 * 64 + 9 * 2
    for epoch in (0, 17, LAST, 3):
        slider.fill(str(epoch))
        expect(page.locator("#epoch-shown")).to_contain_text(f"Epoch {epoch}")
        expect(sheet).to_have_attribute("data-epoch", str(epoch))
        assert far_apart(sheet.evaluate(FACE, 12), face_of(epoch, 12)) < 2

    # The charts' cursor moves along; a click on a chart leads to its epoch.
    expect(page.locator("#loss-chart .scatterlayer .trace")).to_have_count(2)
    expect(page.locator("#score-chart .scatterlayer .trace")).to_have_count(3)
    marker = page.locator("#loss-chart + .nc-marker")
    expect(marker).to_be_visible()
    before = marker.bounding_box()
    slider.focus()
    page.keyboard.press("End")
    expect(sheet).to_have_attribute("data-epoch", str(LAST))
    after = marker.bounding_box()
    assert before is not None
    assert after is not None
    assert after["x"] > before["x"] + 100

    # The film plays from the beginning, and ends at the end.
    page.locator("#speed").select_option("30")
    page.evaluate(
        """() => {
        window.shown = [];
        const canvas = document.querySelector('.nc-frame-a canvas');
        new MutationObserver(() => window.shown.push(Number(canvas.dataset.epoch)))
            .observe(canvas, { attributeFilter: ['data-epoch'] });
        }"""
    )
    page.locator("#play").click()
    expect(page.locator("#play")).to_have_attribute("aria-label", "Pause")
    expect(page.locator("#play")).to_have_attribute("aria-label", "Play")
    expect(sheet).to_have_attribute("data-epoch", str(LAST))
    shown = page.evaluate("window.shown")
    assert shown[0] in range(3)
    assert shown == sorted(shown)
    assert len(set(shown)) > LAST / 3


def test_charts_are_smoothed_and_saved(page: Page, app_url: str, tmp_path: Path) -> None:
    open_progress(page, app_url)
    losses = page.locator("#loss-chart")
    expect(losses.locator(".scatterlayer .trace")).to_have_count(2)
    page.locator("#chart-smooth").fill("0.8")
    expect(losses.locator(".scatterlayer .trace")).to_have_count(4)
    page.locator("#chart-log").check()
    page.locator("#chart-axis").select_option("images")
    page.wait_for_function("document.getElementById('loss-chart').data[0].x[29] === 450000")
    assert losses.evaluate("plot => plot.layout.yaxis.type") == "log"
    raw, smooth = losses.evaluate("plot => plot.data.slice(2).map((line) => line.y)")
    assert smooth[0] == pytest.approx(raw[0])
    assert max(smooth) - min(smooth) < max(raw) - min(raw)

    figure = page.locator("figure", has=losses)
    with page.expect_download() as csv:
        figure.locator("[data-save=csv]").click()
    lines = Path(csv.value.path()).read_text().splitlines()
    assert csv.value.suggested_filename == "celeba-mini-classic_losses.csv"
    assert lines[0] == "epoch,images_seen,loss_d,loss_g"
    assert len(lines) == 1 + LAST + 1
    assert lines[-1].startswith("29,450000,0.65121")
    with page.expect_download() as png:
        figure.locator("[data-save=png]").click()
    with Image.open(png.value.path()) as image:
        assert image.size == (2_000, 1_040)


@pytest.mark.slow
def test_one_face_through_all_epochs(page: Page, app_url: str) -> None:
    open_progress(page, app_url)
    page.locator("[data-face='11']").click()
    large = page.locator("#life canvas")
    tiles = page.locator("#life [role=option]")
    expect(tiles).to_have_count(LAST + 1)
    for epoch in (4, 20):
        tiles.nth(epoch).click()
        expect(large).to_have_attribute("data-epoch", str(epoch))
        assert large.evaluate(FACE, 0) == face_of(epoch, 11), "its very pixels"
    page.keyboard.press("ArrowLeft")
    expect(large).to_have_attribute("data-epoch", "19")
    expect(page.locator("#life-facts")).to_contain_text("Seed 11")
    expect(page.locator("#life [data-lead=a]")).to_be_visible()
    expect(page.locator("#life .nc-leads").first).to_contain_text("With the weights of epoch 17")
    page.keyboard.press("Escape")
    expect(page.locator("#epoch-shown")).to_contain_text("Epoch 19")

    # Any other seed is drawn with the kept weights; another tab hands one over the same way.
    page.evaluate(
        "neuroceleb.sendTo('progress', "
        "{face: {model: 'celeba-mini-classic', epoch: 29, seed: 4321, truncation: 0.5}})"
    )
    expect(page.locator("#life-facts")).to_contain_text("Seed 4321")
    expect(tiles).to_have_count(len(Workspace(SHIPPED.parents[1]).run(SHIPPED.name).kept()))
    page.keyboard.press("Escape")
    page.locator("#life-seed").fill("5")
    page.locator("#life-open").click()
    expect(page.locator("#life-facts")).to_contain_text("Seed 5")
    expect(tiles).to_have_count(LAST + 1)


@pytest.mark.refused
def test_a_seed_that_is_none_is_told_in_words(page: Page, app_url: str) -> None:
    open_progress(page, app_url)
    page.evaluate(
        "neuroceleb.sendTo('progress', {face: {model: 'celeba-mini-classic', z: [1, 2, 3]}})"
    )
    expect(page.locator("#toast")).to_contain_text("A z of this model is 100 numbers")
    expect(page.locator("#life")).to_be_hidden()


@pytest.mark.slow
def test_the_tour_and_the_quiz(page: Page, app_url: str) -> None:
    open_progress(page, app_url)
    page.locator("#tour").click()
    card = page.locator("#tour-card")
    titles = ("Noise becomes faces", "What D sees", "When D wins", "Collapse", "What the modern")
    for number, title in enumerate(titles, start=1):
        expect(card.locator("h2")).to_contain_text(title)
        expect(card).to_contain_text(f"{number} / 5")
        assert "{" not in card.inner_text()
        if number == 2:
            expect(card).to_contain_text("it said 0.81 of photos and 0.19 of G's faces")
        if number == 4:
            page.wait_for_function("document.querySelector('#course .nc-lit') !== null")
            page.wait_for_timeout(600)
            sheet = page.locator(SHEET)
            looks = {tuple(sheet.evaluate(FACE, face)) for face in range(0, 64, 5)}
            assert len(looks) == 2, "two faces, over and over"
        page.locator("#tour-next").click()
    expect(card).to_be_hidden()
    assert len({tuple(page.locator(SHEET).evaluate(FACE, face)) for face in range(9)}) == 9

    page.locator("#quiz").click()
    for question in range(1, 11):
        expect(page.locator("#quiz-count")).to_contain_text(f"Question {question} of 10")
        expect(page.locator("[data-side='0']")).to_be_enabled()
        page.locator("[data-side='0']").click()
        epochs = page.locator(".nc-quiz-epoch").all_inner_texts()
        first, second = (int(text.removeprefix("Epoch ")) for text in epochs)
        told = "Right" if first > second else "No, the other one"
        expect(page.locator("#quiz-verdict")).to_contain_text(told)
        if question < 10:
            page.locator("#quiz-next").click()
    expect(page.locator("#quiz-verdict")).to_contain_text("of 10; guessing gives half")


# A run in training -------------------------------------------------------------------------


@pytest.fixture
def training(tmp_path: Path) -> Iterator[helpers.App]:
    """An app of its own, over the shipped run's sheets and a dataset; ended with its trainings."""
    helpers.write_photos(tmp_path / "datasets" / "photos")
    without_weights = shutil.ignore_patterns("net*")
    shutil.copytree(SHIPPED, tmp_path / "checkpoints" / SHIPPED.name, ignore=without_weights)
    app = helpers.App(tmp_path)
    yield app
    for run in Workspace(tmp_path).runs():
        run.stop_file.touch()
        assert jobs.wait_for_end(run, helpers.PATIENCE_S)
    app.kill()


@pytest.mark.slow
def test_a_run_in_training_is_watched_compared_filmed(
    training: helpers.App, open_page: Callable[..., Page], tmp_path: Path
) -> None:
    page = open_page()
    workspace = Workspace(training.root)
    settings = {"ngf": 4, "ndf": 4, "nz": 8, "batch_size": 8, "device": "cpu", "epochs": LONG}
    values: dict[str, object] = {"name": "live", "dataset": "photos", "settings": settings}
    assert training.post("start", values) == {"run": "live"}
    run = workspace.run("live")
    helpers.wait_for(lambda: len(run.sheets()) > 1)

    # The newest sheet is followed; one that was chosen stays.
    page.goto(training.url)
    page.get_by_role("tab", name="Progress").click()
    expect(page.locator("#run")).to_have_value("live")
    expect(page.locator("#course-facts")).to_have_attribute("data-state", "running")
    sheet = page.locator(SHEET)
    expect(sheet).to_have_attribute("data-epoch", page.evaluate(NEWEST))
    seen = int(page.evaluate(NEWEST))
    page.wait_for_function(
        f"Number(document.querySelector('.nc-frame-a canvas').dataset.epoch) > {seen}"
    )
    page.locator("#scrub").fill("1")
    most = page.locator("#scrub").get_attribute("max")
    page.wait_for_function(f"Number(document.querySelector('#scrub').max) > {most}")
    expect(sheet).to_have_attribute("data-epoch", "1")

    # Stopped and resumed: the charts have a mark there.
    run.stop_file.touch()
    expect(page.locator("#course-facts")).to_have_attribute("data-state", "stopped")
    done = int(run.status()["epoch"])
    assert "error" not in training.post("resume", {"name": "live", "epochs": done + 2})
    expect(page.locator("#course-facts")).to_have_attribute("data-state", "finished")
    page.wait_for_function("document.getElementById('loss-chart').layout.shapes.length === 1")
    assert [row["epoch"] for row in run.stats() if row.get("resumed")] == [done]

    # Two runs on the same noise, under one wipe and side by side.
    page.locator("#beside").select_option(SHIPPED.name)
    other = page.locator(OTHER_SHEET)
    expect(other).to_have_attribute("data-epoch", "1")
    expect(page.locator(".nc-tags")).to_contain_text(f"B · {SHIPPED.name} · Epoch 1")
    assert far_apart(other.evaluate(FACE, 9), face_of(1, 9)) < 2
    page.locator("#wipe").fill("25")
    frame, divider = page.locator(".nc-frame-b"), page.locator(".nc-divider")
    assert frame.evaluate("box => getComputedStyle(box).clipPath") == "inset(0px 0px 0px 25%)"
    divider.hover()
    box = page.locator(".nc-stage-progress").bounding_box()
    assert box is not None
    page.mouse.down()
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.up()
    expect(page.locator("#wipe")).to_have_value("75")
    page.locator("#scrub").fill("2")
    expect(other).to_have_attribute("data-epoch", "2")
    page.locator("#scrub-b").fill("28")
    expect(other).to_have_attribute("data-epoch", "28")
    page.locator("#scrub").fill("0")
    expect(sheet).to_have_attribute("data-epoch", "0")
    expect(other).to_have_attribute("data-epoch", "28")
    page.locator("#way-beside").check()
    boxes = [page.locator(one).bounding_box() for one in (SHEET, OTHER_SHEET)]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]
    page.locator("#beside").select_option("")

    # A film of one face, saved.
    page.locator("#timelapse").click()
    page.locator("#timelapse-what").select_option("face")
    page.locator("#timelapse-face").fill("3")
    page.locator("#timelapse-format").select_option("gif")
    page.locator("#timelapse-start").click()
    with page.expect_download() as saved:
        page.locator("#timelapse-save").click()
    assert saved.value.suggested_filename == "live_face_3.gif"
    assert Path(saved.value.path()).read_bytes().startswith(b"GIF89a")
    page.keyboard.press("Escape")

    # A folder of the original script, and one that is none.
    original_run(tmp_path / "2017")
    page.locator("#import").click()
    page.locator("#import-folder").fill(str(tmp_path / "2017"))
    page.locator("#import-name").fill("old")
    page.locator("#import-start").click()
    expect(page.locator("#run")).to_have_value("old")
    expect(page.locator("#course-facts")).to_contain_text("Imported from")
    expect(page.locator(SHEET)).to_have_attribute("data-epoch", "2")
    page.locator("[data-face='5']").click()
    expect(page.locator("#life-facts")).to_contain_text("Face 5")
    expect(page.locator("#life [role=option]")).to_have_count(3)


def test_with_no_run_it_says_what_to_do(open_page: Callable[..., Page], app_url: str) -> None:
    page = open_page(locale="ko-KR")
    nothing = {"stamp": "0", "runs": [], "run": None, "other": None, "may_import": True}
    page.route("**/progress?*", lambda route: route.fulfill(json=nothing))
    page.goto(app_url)
    page.get_by_role("tab", name="학습 과정").click()
    expect(page.locator("#course .nc-empty h2")).to_have_text("아직 시작한 학습이 없습니다")
    expect(page.locator("#import")).to_be_visible()
    page.locator("#to-train").click()
    expect(page.locator("#training")).to_be_visible()
