"""The Explore tab: in a real browser on the shipped model, and what its addresses refuse."""

import base64
import io
import json
import re
import shutil
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from neuroceleb.app.access import Access
from neuroceleb.app.background import Tasks
from neuroceleb.app.explore_api import ExploreApi
from neuroceleb.errors import UserError
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace
from tests import helpers
from tests.data.faces import faces_helpers

MODEL = {"model": "celeba-mini-classic", "epoch": 29}
CURRENT = "#current-face"


def open_explore(page: Page, url: str, tool: str | None = None) -> None:
    page.goto(url)
    page.locator("#tab-explore-button").click()
    expect(page.locator(CURRENT)).to_have_attribute("src", re.compile("^data:image/png"))
    if tool is not None:
        page.locator(f"#tool-{tool}").click()


def source_of(page: Page) -> str:
    return page.locator(CURRENT).get_attribute("src") or ""


def z_in(source: str) -> list[float]:
    """The z inside a face's PNG."""
    with Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))) as image:
        return list(json.loads(image.text["neuroceleb"])["z"])


# In the browser ----------------------------------------------------------------------------


@pytest.mark.slow
def test_sliders_are_scrubbed_without_asking_the_server(page: Page, app_url: str) -> None:
    open_explore(page, app_url)
    slider = page.locator("#direction-3")
    expect(slider).to_be_visible()
    expect(page.locator(".nc-x-direction-name").nth(2)).to_have_value(re.compile("^Smiling woman"))
    expect(page.locator(".nc-x-strip-frame")).to_have_count(150)
    page.wait_for_load_state("networkidle")
    before = source_of(page)
    urls: list[str] = []
    page.on("request", lambda one: urls.append(one.url) if "/explore/" in one.url else None)
    frames = set()
    for value in ("1", "2", "2.5"):
        slider.evaluate(
            "(it, value) => { it.value = value; it.dispatchEvent(new Event('input')); }", value
        )
        shown = page.locator(".nc-x-scrubbed")
        expect(shown).to_be_visible()
        frames.add(shown.evaluate("it => it.style.backgroundPosition"))
    assert urls == []
    assert len(frames) == 3
    assert source_of(page) == before

    slider.evaluate("it => it.dispatchEvent(new Event('change'))")
    expect(page.locator(CURRENT)).not_to_have_attribute("src", before)
    assert len(urls) == 1
    moved = np.array(z_in(source_of(page))) - np.array(z_in(before))
    run = Run(helpers.ROOT / "checkpoints" / MODEL["model"])
    file = json.loads(run.weights().with_suffix(".directions.json").read_text())
    step = np.array(file["directions"][2]["step"])
    assert moved == pytest.approx(2.5 * step, abs=1e-3)
    page.locator("#reset-directions").click()
    page.wait_for_function(
        "before => document.querySelector('#current-face').src === before", arg=before
    )


@pytest.mark.slow
def test_a_face_comes_from_another_tab_and_goes_back(page: Page, app_url: str) -> None:
    page.goto(app_url)
    page.locator("#faces .nc-frame").first.click()
    page.locator("#viewer [data-lead=explore]").click()
    expect(page.locator("#current-facts")).to_contain_text("Seed 42")
    expect(page.locator("#explore-epoch")).to_have_value("29")
    assert page.locator(".nc-x-current [data-lead=a]").count() == 1
    page.locator("#back").click()
    expect(page.locator("#tab-generate-button")).to_have_attribute("aria-selected", "true")

    page.locator("#faces .nc-frame").nth(1).click()
    page.locator("#viewer [data-lead=nearest]").click()
    expect(page.locator("#current-facts")).to_contain_text("Seed 43")
    expect(page.locator("#tool-nearest")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".nc-x-nearest")).to_contain_text("are gone from here")


@pytest.mark.refused
def test_the_palette_is_painted_walked_mixed_and_pasted(page: Page, app_url: str) -> None:
    open_explore(page, app_url, "palette")
    cells = page.locator(".nc-x-cell")
    expect(cells).to_have_count(100)
    before = source_of(page)
    page.locator("#brush").fill("-2")
    cells.nth(5).click()
    expect(cells.nth(5)).to_have_attribute("aria-label", "z 6: -2")
    expect(page.locator(CURRENT)).not_to_have_attribute("src", before)
    page.keyboard.press("ArrowRight")
    page.keyboard.press(" ")
    expect(cells.nth(6)).to_have_attribute("aria-label", "z 7: -2")
    page.wait_for_load_state("networkidle")
    z, old = z_in(source_of(page)), z_in(before)
    assert z[5:7] == [-2, -2]
    assert z[:5] + z[7:] == old[:5] + old[7:]

    page.locator("#keep").click()
    page.locator("#average").click()
    expect(page.locator("#current-facts")).to_contain_text("The average face")
    expect(cells.nth(5)).to_have_attribute("aria-label", "z 6: 0")
    page.locator("#mix-1").click()
    line = page.locator("#line-slider")
    expect(line).to_be_enabled()
    line.fill("24")
    page.wait_for_function(f"document.querySelector('{CURRENT}').alt.includes('own')")
    assert z_in(source_of(page)) == z

    page.locator("#mode-walk").click()
    cells.nth(10).click()
    expect(page.locator(".nc-x-line-value")).to_have_text(re.compile(r"^z 11: "))
    line.fill("0")
    expect(cells.nth(10)).to_have_attribute("aria-label", "z 11: -3")

    for numbers, said in (
        (json.dumps([0.5] * 99 + [11]), "100 numbers from -10 to 10"),
        ("1, 2, 3", "100 numbers from -10 to 10"),
        ("words", "no list of numbers"),
    ):
        page.locator("#paste-z").fill(numbers)
        page.locator("#paste").click()
        expect(page.locator("#toast")).to_contain_text(said)
    page.locator("#paste-z").fill(json.dumps([0.5] * 100))
    page.locator("#paste").click()
    expect(cells.nth(99)).to_have_attribute("aria-label", "z 100: +0.5")


def test_arithmetic_is_done_by_clicking_faces(page: Page, app_url: str) -> None:
    open_explore(page, app_url, "arithmetic")
    grid = page.locator(".nc-x-pick-grid .nc-x-pick")
    expect(grid).to_have_count(24)
    for term, seeds in (("some", (0, 1)), ("less", (2,)), ("more", (3,))):
        page.locator(f"#term-{term}").click()
        for seed in seeds:
            page.locator(f"[data-seed='{seed}']").click()
    expect(page.locator(".nc-x-sum figure")).to_have_count(3)
    expect(page.locator(".nc-x-around .nc-x-pick")).to_have_count(9)
    page.wait_for_load_state("networkidle")
    rng = [np.random.default_rng(seed).standard_normal(100) for seed in range(4)]
    wanted = (rng[0] + rng[1]) / 2 - rng[2] + rng[3]
    assert z_in(source_of(page)) == pytest.approx(wanted.tolist(), abs=1e-4)
    page.locator("#clear-sum").click()
    expect(page.locator(".nc-x-sum")).to_contain_text("Pick a face")


@pytest.mark.slow
def test_a_point_of_the_map_shows_its_face_and_gives_it(page: Page, app_url: str) -> None:
    open_explore(page, app_url, "map")
    expect(page.locator("#map .scatterlayer .point")).to_have_count(400)
    where = """() => {
      const map = document.getElementById('map');
      const { xaxis, yaxis } = map._fullLayout;
      const box = map.getBoundingClientRect();
      const left = map.data[0].x.map((x) => box.x + xaxis._offset + xaxis.l2p(x));
      const top = map.data[0].y.map((y) => box.y + yaxis._offset + yaxis.l2p(y));
      const alone = left.findIndex((_, i) => left.every((_, j) =>
        i === j || Math.hypot(left[i] - left[j], top[i] - top[j]) > 14));
      return [left[alone], top[alone], alone];
    }"""
    for kind in ("pca", "tsne"):
        page.locator(f"#map-{kind}").click()
        page.wait_for_timeout(300)
        page.mouse.move(2, 2)
        x, y, seed = page.evaluate(where)
        page.mouse.move(x - 1, y)
        page.mouse.move(x, y)
        expect(page.locator("#glance")).to_be_visible()
        page.mouse.click(x, y)
        expect(page.locator("#current-facts")).to_contain_text(f"Seed {seed}")


@pytest.mark.slow
@pytest.mark.refused
def test_a_photo_is_looked_for(page: Page, app_url: str, tmp_path: Path) -> None:
    open_explore(page, app_url, "photo")
    choose = page.locator("#photo-file")
    choices = page.locator(".nc-x-choices")
    (tmp_path / "note.txt").write_text("no photo")
    choose.set_input_files(tmp_path / "note.txt")
    expect(choices).to_contain_text("it is not an image of a known kind")
    choose.set_input_files(
        faces_helpers.save(tmp_path / "grey.png", Image.new("RGB", (200, 200), "grey"))
    )
    expect(choices).to_contain_text("No face was found")

    # Several faces: one is chosen; then cancelled.
    two = Image.new("RGB", (600, 371))
    for left in (0, 300):
        two.paste(faces_helpers.portrait(), (left, 0))
    choose.set_input_files(faces_helpers.save(tmp_path / "two.jpg", two))
    expect(choices).to_contain_text("There are 2 faces in this photo")
    choices.locator(".nc-x-pick").first.click()
    expect(page.locator("#search-status")).to_contain_text("grey levels")
    before = source_of(page)
    page.locator("#cancel-search").click()
    expect(page.locator("#search-status")).to_contain_text("Cancelled")

    # One face: to the end, its way shown.
    begun = time.monotonic()
    choose.set_input_files(faces_helpers.save(tmp_path / "one.jpg", faces_helpers.portrait()))
    expect(page.locator("#take-look-alike")).to_be_visible()
    assert time.monotonic() - begun < helpers.PATIENCE_S
    expect(page.locator("#search-status")).to_contain_text("A look-alike, not the person")
    assert int(page.locator("#way").get_attribute("max") or 0) >= 10
    assert source_of(page) != before


@pytest.mark.slow
def test_korean_on_a_phone(open_page: Callable[..., Page], app_url: str) -> None:
    page = open_page(locale="ko-KR", viewport={"width": 390, "height": 844})
    open_explore(page, app_url)
    expect(page.locator("#tool-directions")).to_have_text("방향")
    expect(page.locator("#direction-8")).to_be_visible()
    page.locator("#direction-8").scroll_into_view_if_needed()
    expect(page.locator(CURRENT)).to_be_in_viewport()  # it stays in view while it is scrubbed
    for tool in ("directions", "palette", "arithmetic", "photo", "nearest"):
        page.locator(f"#tool-{tool}").click()
        page.wait_for_load_state("networkidle")
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, tool


@pytest.mark.slow
def test_nearest_photos_of_an_own_run(page: Page, own: Workspace) -> None:
    app = helpers.App(own.root)
    try:
        open_explore(page, app.url, "nearest")
        expect(page.locator("#copy-verdict")).to_be_visible()
        expect(page.locator(".nc-x-near-row img")).to_have_count(7)
        page.locator("#survey").click()
        expect(page.locator("#survey-verdict")).to_contain_text("of 512 faces are suspects")

        # Names are saved with the run, and are there again.
        page.locator("#tool-directions").click()
        page.locator(".nc-x-direction-name").first.fill("brighter <b>")
        page.locator("#save-names").click()
        expect(page.locator("#toast")).to_contain_text("netG_epoch_003.directions.json")
        page.reload()
        page.locator("#tab-explore-button").click()
        expect(page.locator(".nc-x-direction-name").first).to_have_value("brighter <b>")
        page.close()  # before what it asks meanwhile is cut off
    finally:
        app.kill()


# Behind the page ---------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path: Path, finished: Run) -> Workspace:
    """A workspace with the finished run `first`."""
    shutil.copytree(finished.path, tmp_path / "checkpoints" / "first")
    return Workspace(tmp_path)


def api_of(workspace: Workspace, is_local: bool = True, has_password: bool = False) -> ExploreApi:
    tasks = Tasks(workspace.root / ".cache" / "tasks")
    return ExploreApi(workspace, Access(is_local, has_password), tasks)


def finish(api: ExploreApi, values: dict[str, Any]) -> dict[str, Any]:
    task = api.tasks.get(api.start_task(values)["task"])
    assert task.wait(helpers.PATIENCE_S)
    return task.poll()


FIRST = {"model": "first", "epoch": 3}


def test_visitors_neither_see_photos_nor_save_names(own: Workspace) -> None:
    visitor = api_of(own, is_local=False)
    face = {"seed": 1}
    assert visitor.models()["allowed"] is False
    for act in (
        lambda: visitor.start_task(FIRST | {"kind": "nearest", "face": face}),
        lambda: visitor.start_task(FIRST | {"kind": "survey"}),
        lambda: visitor.name_directions(FIRST | {"names": ["x"] * 8}),
    ):
        with pytest.raises(UserError, match="does not let visitors"):
            act()
    assert "png" in visitor.face(FIRST | {"face": face})
    guest = api_of(own, is_local=False, has_password=True)
    found = finish(guest, FIRST | {"kind": "nearest", "face": face})
    assert len(found["result"]["nearest"]) == 6


def test_directions_of_other_weights_are_reported_and_not_used(own: Workspace) -> None:
    api = api_of(own)
    api.name_directions(FIRST | {"names": ["mine"] * 8})
    assert finish(api, FIRST | {"kind": "directions"})["result"]["remark"] is None
    run = own.run("first")
    shutil.copy(run.weights(0), run.weights(3))
    result = finish(api, FIRST | {"kind": "directions"})["result"]
    assert "was saved for another model" in result["remark"]
    assert {direction["name"] for direction in result["directions"]} == {""}


@pytest.mark.parametrize(
    ("what", "values", "words"),
    [
        ("face", {}, "No model is chosen"),
        ("face", FIRST, "no face"),
        ("face", {"model": "../x", "epoch": 3}, "not a name"),
        ("face", {"model": "first", "epoch": 99, "face": {"seed": 1}}, "kept no epoch 99"),
        ("face", FIRST | {"face": {"z": [11.0] * 8}}, "8 numbers from -10 to 10"),
        ("face", FIRST | {"face": {"z": [0.0] * 9}}, "8 numbers from -10 to 10"),
        ("sliders", FIRST | {"face": {"seed": 1}, "places": [7] * 8}, "from -6 to 6"),
        ("sliders", FIRST | {"face": {"seed": 1}, "places": [0, "1"]}, "from -6 to 6"),
        ("line", FIRST | {"face": {"seed": 1}, "dimension": 8}, "from 0 to 7"),
        ("line", FIRST | {"face": {"seed": 1}, "dimension": -1}, "from 0 to 7"),
        ("grid", FIRST | {"first": 0, "count": 10_000}, "from 1 to 48"),
        ("sum", FIRST | {"some": [{"seed": 1}] * 9}, "at most 8"),
        ("sum", FIRST | {"some": []}, "no face to begin with"),
        ("name_directions", FIRST | {"names": ["x"]}, "8 directions"),
        ("name_directions", FIRST | {"names": ["x" * 41] * 8}, "too long"),
        ("start_task", FIRST | {"kind": "holiday"}, "nothing that can be asked"),
        ("start_task", FIRST | {"kind": "project", "crop": "data:,x"}, "no face cut from a photo"),
        ("start_task", FIRST | {"kind": "project", "crop": None}, "no face cut from a photo"),
    ],
)
def test_bad_values_are_refused_in_a_sentence(
    own: Workspace, what: str, values: dict[str, Any], words: str
) -> None:
    with pytest.raises(UserError, match=re.escape(words)):
        getattr(api_of(own), what)(values)


def test_the_addresses_refuse_what_is_none(app_url: str) -> None:
    def refusal(path: str, body: bytes = b"{}") -> str:
        request = urllib.request.Request(f"{app_url}explore/{path}", body)
        with pytest.raises(HTTPError) as raised:
            urllib.request.urlopen(request, timeout=helpers.PATIENCE_S)
        with raised.value as error:
            assert error.code == 400
            return str(json.load(error)["error"])

    assert "nothing that can be asked" in refusal("everything")
    assert "not JSON" in refusal("face", b"{")
    assert "is over 32 MB" in refusal("crops", bytes(33 * 2**20))
