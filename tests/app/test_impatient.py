"""A visitor who does not wait, on a slow network: what is done last is what counts."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests import helpers
from tests.app.browser import await_quiet
from tests.conftest import SHIPPED

LATENCY_MS = 400
FACES = "#faces .nc-frame img"
OTHER = "small-classic"


@pytest.fixture(scope="module")
def models_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an app with two models."""
    root: Path = tmp_path_factory.mktemp("models")
    for name in (SHIPPED.name, OTHER):
        shutil.copytree(SHIPPED.parent / name, root / "checkpoints" / name)
    app = helpers.App(root)
    yield app.url
    app.kill()


@contextmanager
def slow(page: Page) -> Iterator[None]:
    """Every answer takes LATENCY_MS longer."""
    session = page.context.new_cdp_session(page)
    speed = {"offline": False, "downloadThroughput": -1, "uploadThroughput": -1}
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", speed | {"latency": LATENCY_MS})
    try:
        yield
        await_quiet(page)
    finally:
        session.send("Network.emulateNetworkConditions", speed | {"latency": 0})
        session.detach()


def open_tab(page: Page, url: str, query: str, ready: str) -> None:
    page.goto(f"{url}?{query}")
    expect(page.locator(ready).first).to_be_visible()
    await_quiet(page)


def choose(page: Page, dropdown: str, option: str) -> None:
    page.locator(f"{dropdown} input").click()
    page.get_by_role("option", name=option, exact=True).click()


def typed(page: Page, field: str, text: str, delay_ms: int) -> None:
    page.locator(field).select_text()
    page.locator(field).press_sequentially(text, delay=delay_ms)


@pytest.mark.slow
def test_a_seed_is_typed_in_explore(page: Page, app_url: str) -> None:
    open_tab(page, app_url, "tab=explore", "#explore-face .nc-easel img")
    for text, delay_ms in (("123456", 120), ("57", 300), ("7", 0)):
        typed(page, "#explore-seed input", text, delay_ms)
        expect(page.locator("#explore-face strong")).to_have_text(f"Seed {text}")
        expect(page.locator("#explore-seed input")).to_have_value(text)
    page.locator("#explore-seed input").fill("")
    await_quiet(page)
    expect(page.locator("#explore-face strong")).to_have_text("Seed 7")
    assert page.locator(".toast-body").count() == 0


@pytest.mark.slow
def test_back_is_pressed_twice(page: Page, app_url: str) -> None:
    open_tab(page, app_url, "", FACES)
    for name in ("Interpolate", "Explore", "Progress"):
        page.get_by_role("tab", name=name).click()
        await_quiet(page)
    page.evaluate("() => { history.back(); setTimeout(() => history.back(), 60); }")
    tab = page.get_by_role("tab", name="Interpolate")
    expect(tab).to_have_attribute("aria-selected", "true")
    await_quiet(page)
    expect(tab).to_have_attribute("aria-selected", "true")
    assert page.url == f"{app_url}?tab=interpolate"
    page.go_forward()
    expect(page.get_by_role("tab", name="Explore")).to_have_attribute("aria-selected", "true")


@pytest.mark.slow
def test_two_models_are_chosen_at_once(page: Page, models_url: str) -> None:
    open_tab(page, models_url, "", FACES)
    with slow(page):
        choose(page, "#model", OTHER)
        choose(page, "#model", SHIPPED.name)
        facts = page.locator("#sheet-facts")
        expect(facts).to_contain_text(f"{SHIPPED.name} · epoch 29")
        expect(page.locator("#epoch input")).to_have_value("29")
        expect(page.locator(".nc-stale")).to_have_count(0)
    assert page.locator(".toast-body").count() == 0


@pytest.mark.slow
def test_faces_are_picked_and_taken_out_quickly(page: Page, app_url: str) -> None:
    open_tab(page, app_url, "tab=explore&tool=arithmetic", "#explore-grid button")
    with slow(page):
        for place in range(4):
            page.locator("#explore-grid button").nth(place).click()
        expect(page.locator("#term-base button")).to_have_count(4)
        for _time in range(2):
            page.locator("#term-base button").first.click()
        expect(page.locator("#term-base button")).to_have_count(2)
    open_tab(page, app_url, "tab=interpolate&keys=1,2,3,4,5,6", "[data-action=remove]")
    with slow(page):
        for _time in range(3):
            page.locator("[data-action=remove]").first.click()
        expect(page.locator("[data-action=remove]")).to_have_count(3)
    expect(page.locator("#keys input, #keys textarea")).to_have_value("4, 5, 6")


@pytest.mark.slow
def test_another_model_while_its_map_is_drawn(page: Page, models_url: str) -> None:
    query = f"tab=explore&tool=map&model={SHIPPED.name}"
    open_tab(page, models_url, query, "#map canvas")
    wanted = page.locator("#map-facts").text_content()
    open_tab(page, models_url, f"tab=explore&tool=map&model={OTHER}", "#explore-face .nc-easel img")
    with slow(page):
        choose(page, "#model", SHIPPED.name)
        page.wait_for_timeout(300)
        choose(page, "#model", OTHER)
        page.wait_for_timeout(300)
        choose(page, "#model", SHIPPED.name)
        expect(page.locator("#map-facts")).to_have_text(wanted or "")


@pytest.mark.slow
def test_what_is_asked_about_a_run_is_done_to_that_run(page: Page, models_url: str) -> None:
    open_tab(page, models_url, f"tab=train&run={OTHER}", "#run-title p")
    expect(page.locator("#run-title")).to_have_text(OTHER)
    with slow(page):
        page.locator("#runs label", has_text=SHIPPED.name).first.click()
        page.locator("#duplicate").click()
        expect(page.locator("#run-name input")).to_have_value(f"{OTHER} 2")


@pytest.mark.slow
def test_the_form_keeps_what_is_entered_while_answers_come(page: Page, app_url: str) -> None:
    open_tab(page, app_url, "", FACES)
    with slow(page):
        page.get_by_role("tab", name="Train").click()
        page.locator("#dataset input").fill("/nowhere/faces")
        page.locator("#dataset input").press("Tab")
        choose(page, "#set-recipe", "classic")
        page.locator("#set-batch_size input").fill("8")
        choose(page, "#set-start_from", "Noise")
        await_quiet(page)
        expect(page.locator("#dataset input")).to_have_value("/nowhere/faces")
        expect(page.locator("#set-batch_size input")).to_have_value("8")
        expect(page.locator("#set-start_from input")).to_have_value("Noise")


@pytest.mark.slow
def test_favourites_of_quick_clicks_and_of_another_tab(page: Page, app_url: str) -> None:
    open_tab(page, app_url, "seed=57&count=6", FACES)
    hearts, pressed = "#faces .nc-caption .nc-heart", "#faces .nc-caption [aria-pressed=true]"
    other = page.context.new_page()
    other.goto(f"{app_url}?seed=57&count=6")
    with slow(page):
        for place in (4, 0, 2, 0):
            page.locator(hearts).nth(place).click()
        expect(other.locator(pressed)).to_have_count(2)
        other.locator(hearts).nth(5).click()
        expect(page.locator(pressed)).to_have_count(3)
        page.locator("#view label").nth(1).click()
        expect(page.locator(FACES)).to_have_count(3)
        assert page.locator("#faces .nc-caption span").all_text_contents() == ["61", "59", "62"]
    await_quiet(page)
    other.close()
    page.reload()
    expect(page.locator(pressed)).to_have_count(3)
    page.locator("#view label").nth(1).click()
    expect(page.locator(FACES)).to_have_count(3)


@pytest.mark.slow
def test_each_of_quick_steps_counts(page: Page, app_url: str) -> None:
    open_tab(page, app_url, "seed=7&count=2", FACES)
    with slow(page):
        for button in ("on", "on", "on", "on", "back"):
            page.locator(f"#seeds-{button}").click()
        expect(page.locator("#seeds input")).to_have_value("13")
    expect(page.locator("#faces .nc-caption span").first).to_have_text("13")
    page.go_back()
    expect(page.locator("#faces .nc-caption span").first).to_have_text("15")


@pytest.mark.slow
def test_favourites_are_opened_before_best_of_has_answered(page: Page, app_url: str) -> None:
    open_tab(page, app_url, "seed=57&count=6&best=yes", FACES)
    hearts = page.locator("#faces .nc-caption .nc-heart")
    hearts.nth(2).click()
    with slow(page):
        page.locator("#dice").click()
        page.wait_for_timeout(LATENCY_MS * 2 + 200)  # the faces are being chosen
        page.locator("#view label").nth(1).click()
        await_quiet(page)
    expect(page.locator("#view input").nth(1)).to_be_checked()
    expect(page.locator(FACES)).to_have_count(1)


@pytest.mark.slow
def test_a_run_without_weights_after_one_that_has_some(page: Page, tmp_path: Path) -> None:
    shutil.copytree(SHIPPED.parent / OTHER, tmp_path / "checkpoints" / OTHER)
    (tmp_path / "checkpoints" / "young").mkdir()
    (tmp_path / "checkpoints" / "young" / "config.json").write_text("{}")
    app = helpers.App(tmp_path)
    try:
        open_tab(page, app.url, "tab=interpolate", "#scrubber .nc-stage")
        choose(page, "#model", "young · no weights yet")
        expect(page.locator("#scrubber")).to_contain_text("has no faces to show yet")
        expect(page.locator("#scrubber .nc-stage")).to_have_count(0)
        choose(page, "#model", OTHER)
        expect(page.locator("#scrubber .nc-stage")).to_be_visible()
        page.get_by_role("tab", name="Explore").click()
        page.locator("#explore-tool label").nth(2).click()
        expect(page.locator("#explore-tools")).to_be_visible()
        choose(page, "#model", "young · no weights yet")
        expect(page.locator("#explore-face")).to_contain_text("has no faces to show yet")
        expect(page.locator("#explore-tools")).to_be_hidden()
        assert page.locator(".toast-body").count() == 0
    finally:
        app.kill()
