"""The Progress tab in a real browser: on the run that ships, and on a run in training."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from neuroceleb import images
from neuroceleb.runs import timelapse
from neuroceleb.runs.status import Heartbeat
from neuroceleb.runs.workspace import Workspace, create_run
from tests import helpers
from tests.conftest import SHIPPED

SHEET, OTHER_SHEET = ".nc-reel-a", ".nc-reel-b"
SCRUB = ".nc-reel-scrub"
LAST = 29
# The colours of a face on a canvas that shows a sheet.
FACE = """
(canvas, face) => {
  const columns = (canvas.width - 2) / 66;
  const corner = [2 + 66 * (face % columns), 2 + 66 * Math.floor(face / columns)];
  const { data } = canvas.getContext("2d").getImageData(...corner, 64, 64);
  return [...data].filter((_, at) => at % 4 !== 3);
}
"""


def open_progress(page: Page, url: str, query: str = "", epoch: int = LAST) -> None:
    page.goto(f"{url}?tab=progress{query}")
    expect(page.locator(SHEET)).to_have_attribute("data-epoch", str(epoch))


def far_apart(one: list[int], other: list[int]) -> float:
    """The mean difference of two faces' levels."""
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / len(one)


def face_of(epoch: int, face: int) -> list[int]:
    sheet = images.load(SHIPPED / f"fake_samples_epoch_{epoch:03d}.webp")
    return [int(level) for level in timelapse.cut(sheet, face).ravel()]


def choose(page: Page, dropdown: str, option: str) -> None:
    page.locator(f"{dropdown} input").click()
    page.get_by_role("option", name=option, exact=True).click()


def test_the_slider_scrubs_without_a_request(page: Page, app_url: str) -> None:
    open_progress(page, app_url, "&sheet=500")
    expect(page.locator("#run-status")).to_contain_text("Epoch 500 has no sample sheet")
    sheet, slider = page.locator(SHEET), page.locator(SCRUB)
    marker = page.locator("[data-chart=losses] .nc-chart-marker")
    expect(marker).to_be_visible()
    for epoch in (0, 17):
        slider.fill(str(epoch))
        expect(sheet).to_have_attribute("data-epoch", str(epoch))
        assert far_apart(sheet.evaluate(FACE, 12), face_of(epoch, 12)) < 2
    page.wait_for_url("**sheet=17*")
    before = marker.bounding_box()
    assert before is not None

    requests: list[str] = []
    page.on("request", lambda one: requests.append(one.url))
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 9, box["y"] + box["height"] / 2)
    page.mouse.down()
    shown = set()
    for place in range(1, 30):
        page.mouse.move(
            box["x"] + 9 + place * (box["width"] - 18) / 29, box["y"] + box["height"] / 2
        )
        shown.add(sheet.get_attribute("data-epoch"))
    assert [url for url in requests if not url.startswith("data:")] == []
    page.mouse.up()
    assert len(shown) > 20
    expect(sheet).to_have_attribute("data-epoch", str(LAST))
    after = marker.bounding_box()
    assert after is not None
    assert after["x"] > before["x"] + 50
    page.wait_for_url(lambda url: "sheet=" not in url)

    # The film plays from the beginning to the end.
    page.locator(".nc-reel-speed").select_option("30")
    page.locator(".nc-reel-play").click()
    expect(page.locator(".nc-reel-play")).to_have_attribute("aria-label", "Pause")
    expect(page.locator(".nc-reel-play")).to_have_attribute("aria-label", "Play")
    expect(sheet).to_have_attribute("data-epoch", str(LAST))
    page.keyboard.press("Tab")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    expect(sheet).to_have_attribute("data-epoch", str(LAST - 1))


@pytest.mark.slow
def test_two_epochs_under_a_wipe_and_one_face_through_all(page: Page, app_url: str) -> None:
    open_progress(page, app_url)
    choose(page, "#beside", "This run, another epoch")
    other = page.locator(OTHER_SHEET)
    expect(other).to_have_attribute("data-epoch", "0")
    page.wait_for_url("**beside=.*")
    page.locator(".nc-reel-scrub-b").fill("7")
    expect(other).to_have_attribute("data-epoch", "7")
    assert far_apart(other.evaluate(FACE, 9), face_of(7, 9)) < 2
    page.locator(".nc-reel-wipe").fill("25")
    frame = page.locator(".nc-reel-frame").nth(1)
    assert frame.evaluate("box => getComputedStyle(box).clipPath") == "inset(0px 0px 0px 25%)"
    page.locator(".nc-reel-comparing input[value=beside]").check()
    boxes = [page.locator(one).bounding_box() for one in (SHEET, OTHER_SHEET)]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]

    page.locator(".nc-reel-faces button").nth(12).click()
    strip = page.locator(".nc-reel-life")
    expect(strip.locator(".nc-reel-tiles button")).to_have_count(LAST + 1)
    page.keyboard.press("ArrowLeft")
    expect(strip).to_contain_text(f"Seed 12 {SHIPPED.name} · Epoch {LAST - 1}")
    strip.locator("[data-lead=generate]").click()
    expect(page.locator("#faces .nc-frame img").first).to_have_attribute(
        "alt", "Generated face of seed 12"
    )
    page.go_back()
    expect(page.locator(SHEET)).to_be_visible()


@pytest.mark.slow
def test_the_tour_and_the_quiz(page: Page, app_url: str) -> None:
    open_progress(page, app_url)
    page.locator("#tour").click()
    title = page.locator("#tour-title")
    names = ("Noise", "What D sees", "When D wins", "Collapse", "What the", "Through the layers")
    for step, name in enumerate(names):
        expect(title).to_contain_text(f"{step + 1} / 9 · {name}")
        if name == "Collapse":
            page.wait_for_timeout(2_000)
            sheet = page.locator(SHEET)
            assert len({tuple(sheet.evaluate(FACE, face)) for face in range(0, 64, 5)}) == 2
        if step < len(names) - 1:
            page.locator("#tour-next").click()
    page.locator("#tour-tool").click()
    expect(page).to_have_url(re.compile("tool=layers"))
    expect(page.locator(".nc-layer-maps[data-whole]")).to_be_visible()
    page.get_by_role("tab", name="Progress").click()
    page.locator("#tour-end").click()
    expect(title).to_be_hidden()
    page.locator("#quiz").click()
    for question in range(1, 11):
        quiz = page.locator(".nc-quiz")
        expect(quiz).to_contain_text(f"Question {question} of 10")
        quiz.locator(".nc-quiz-face").first.click()
        epochs = [int(text.split()[-1]) for text in quiz.locator(".nc-quiz-face").all_inner_texts()]
        verdict = "Right" if epochs[0] > epochs[1] else "No, the other one"
        expect(page.locator(".nc-quiz-verdict")).to_contain_text(verdict)
        if question < 10:
            page.locator(".nc-quiz-next").click()
    expect(page.locator(".nc-quiz-verdict")).to_contain_text("of 10; guessing gives half")


@pytest.mark.slow
def test_a_run_in_training_is_followed_and_keeps_the_zoom(
    open_page: Callable[..., Page], tmp_path: Path
) -> None:
    without_weights = shutil.ignore_patterns("net*")
    shutil.copytree(SHIPPED, tmp_path / "checkpoints" / SHIPPED.name, ignore=without_weights)
    shipped = Workspace(tmp_path).run(SHIPPED.name)
    run = create_run(Workspace(tmp_path), "live", shipped.config())

    def add(epoch: int) -> None:
        shutil.copy(shipped.sheets()[epoch], run.sheet_file(epoch, "webp"))
        run.append_stats(shipped.stats()[epoch])

    app = helpers.App(tmp_path)
    page = open_page()
    try:
        with run.locked(), Heartbeat(run, epochs=30, epoch=3, state="running", eta_seconds=600.0):
            for epoch in range(3):
                add(epoch)
            open_progress(page, app.url, "&model=live", 2)
            status = page.locator("#run-status")
            expect(status).to_contain_text("Running · 3 of 30 epochs done (10%) · 10 min left")
            losses = "document.querySelector('[data-chart=losses] .nc-plot')"
            page.wait_for_function(f"{losses}?.data?.[0]?.x.length === 3")
            zoom = "Plotly.relayout({}, {{ 'xaxis.range': [0, 2] }})"
            page.evaluate(zoom.format(losses))
            add(3)
            expect(page.locator(SHEET)).to_have_attribute("data-epoch", "3")
            page.wait_for_function(f"{losses}.data[0].x.length === 4")
            assert page.evaluate(f"{losses}.layout.xaxis.range") == [0, 2]
            page.locator(SCRUB).fill("1")
            add(4)
            page.wait_for_function(f"{losses}.data[0].x.length === 5")
            expect(page.locator(SHEET)).to_have_attribute("data-epoch", "1")
            expect(page.locator("#watch-film")).to_be_visible()
        run.write_status({"state": "finished", "epoch": 5, "epochs": 5})
        expect(status).to_contain_text("Finished")
        expect(page.locator("#watch-film")).to_be_hidden()
        page.wait_for_timeout(5_000)  # the line on every tab is polled once more
        urls: list[str] = []
        page.on("request", lambda one: urls.append(one.url))
        page.wait_for_timeout(5_000)
        assert urls == [], "nothing is polled once the run has ended"
    finally:
        app.kill()


@pytest.mark.slow
def test_a_timelapse_is_saved(page: Page, app_url: str) -> None:
    open_progress(page, app_url)
    page.get_by_role("button", name="Timelapse", exact=False).first.click()
    page.get_by_label("gif").check()
    with page.expect_download() as saved:
        page.locator("#timelapse-make").click()
    assert saved.value.suggested_filename == f"{SHIPPED.name}.gif"
    assert Path(saved.value.path()).read_bytes().startswith(b"GIF89a")
