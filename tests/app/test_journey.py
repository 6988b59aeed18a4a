"""From a folder of photos to faces of one's own, in a real browser, in both languages."""

import io
import re
import shutil
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance
from playwright.sync_api import FilePayload, Locator, Page, expect

from neuroceleb.app import catalogue
from neuroceleb.runs import jobs
from neuroceleb.runs.workspace import Workspace
from tests import helpers
from tests.data.faces.faces_helpers import portrait

STARTS = ("asian-faces", "celeba-mini")
PHOTOS = 60
EPOCHS = 2
CLICKS = 7  # from the first page to the first faces of the new model
LOCALES = {"en": "en-US", "ko": "ko-KR"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A workspace with the models that a run may start from; its trainings end with the tests."""
    root = tmp_path_factory.mktemp("journey")
    for name in STARTS:
        source = helpers.ROOT / "checkpoints" / name
        shutil.copytree(source, root / "checkpoints" / name)
    yield root
    for run in Workspace(root).runs():
        if run.name not in STARTS:
            run.stop_file.touch()
            assert jobs.wait_for_end(run, helpers.PATIENCE_S)


@pytest.fixture(scope="module")
def app(root: Path) -> Iterator[helpers.App]:
    served = helpers.App(root)
    yield served
    served.kill()


def album() -> list[FilePayload]:
    """Photos of one face: turned, mirrored, lighter and darker; and a note among them."""
    rng = np.random.default_rng(0)
    found: list[FilePayload] = []
    for number in range(PHOTOS):
        photo = portrait(int(rng.integers(240, 340))).rotate(rng.uniform(-8, 8), expand=False)
        if number % 2:
            photo = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        photo = ImageEnhance.Brightness(photo).enhance(rng.uniform(0.8, 1.15))
        data = io.BytesIO()
        photo.save(data, "JPEG", quality=92)
        found.append(
            {"name": f"{number:02d}.jpg", "mimeType": "image/jpeg", "buffer": data.getvalue()}
        )
    return [*found, {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"hello"}]


class Hand:
    """What a visitor does, counted, and when each station was reached."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.clicks = 0
        self.seconds: dict[str, float] = {}
        self._begun = time.monotonic()

    def click(self, target: Locator | str) -> None:
        self.clicks += 1
        one = self.page.locator(target) if isinstance(target, str) else target
        one.click(timeout=helpers.PATIENCE_S * 1_000)

    def reached(self, station: str) -> None:
        self.seconds[station] = round(time.monotonic() - self._begun, 1)


@pytest.mark.slow
@pytest.mark.parametrize("language", LOCALES)
def test_from_photos_to_faces_of_their_own(
    language: str, open_page: Callable[..., Page], app: helpers.App, root: Path
) -> None:
    expect.set_options(timeout=helpers.PATIENCE_S * 1_000)
    say = partial(catalogue.gettext, language=language)
    photos, name = album(), f"mine {language}"
    page = open_page(locale=LOCALES[language])
    hand = Hand(page)

    page.goto(app.url)
    expect(page.locator("#faces .nc-frame img").first).to_be_visible()
    hand.reached("first faces")
    _crop(hand, photos, name, say)
    hand.click("#train-on-this")
    expect(page.locator("#run-name input")).to_have_value(name)
    _start(hand, say)
    _watch(hand, name, say)
    hand.click("#generate-epoch")
    expect(page.locator("#sheet-facts")).to_contain_text(f"{name} · ")
    expect(page.locator("#faces .nc-frame img")).to_have_count(18)
    expect(page.locator(".nc-contact-sheet.nc-stale")).to_have_count(0)
    hand.reached("faces of its own")

    print(f"\n{language}: {hand.clicks} clicks; seconds: {hand.seconds}")
    assert hand.clicks == CLICKS
    run = Workspace(root).run(name)
    assert run.state() == "finished"
    assert run.config()["start_model"]["name"] in STARTS


def _crop(hand: Hand, photos: list[FilePayload], name: str, say: Callable[[str], str]) -> None:
    """Photos, until every face of them is kept but one that is left out by hand."""
    page = hand.page
    hand.click("#tab-photos-button")
    page.locator("#photo-files").set_input_files(photos)
    arrived = "{n} files are here" if say("Finished") == "Finished" else say("{n} file is here")
    expect(page.locator("#photo-drop")).to_contain_text(arrived.format(n=PHOTOS))
    expect(page.locator(".nc-failed")).to_have_text(
        f"notes.txt: {say('it is no photo and was passed over')}"
    )
    expect(page.locator("#photo-again")).to_be_hidden()
    expect(page.locator("#crop")).to_be_enabled()
    hand.reached("photos sent")
    field = page.locator("#crop-name").get_by_role("textbox")
    field.clear()
    field.press_sequentially(name)
    hand.click("#crop")
    expect(page.locator("#photos-review")).to_be_visible()
    hand.reached("faces cropped")

    # All are alike: they are kept where that is allowed.
    page.locator("#rule-duplicate-bits input[type=range]").press("Home")
    facts = page.locator("#photos-facts")
    counts = say("{kept:,} kept, {rejected:,} left out")
    expect(facts).to_contain_text(counts.format(kept=60, rejected=0))
    hand.click(page.locator("[data-face]").first)
    expect(facts).to_contain_text(counts.format(kept=59, rejected=1))
    expect(page.locator("#photos-view input")).to_have_value(f"{say('All faces')} (60)")


def _start(hand: Hand, say: Callable[[str], str]) -> None:
    page = hand.page
    expect(page.locator("#start-note")).to_contain_text(" ".join(say(" or ").join(STARTS).split()))
    expect(page.locator("#name-note p")).to_be_empty()
    epochs = page.locator("#set-epochs input")
    epochs.clear()
    epochs.press_sequentially(str(EPOCHS))
    hand.click("#start")
    expect(page.locator("#run-facts")).to_be_visible()
    hand.reached("started")


def _watch(hand: Hand, name: str, say: Callable[[str], str]) -> None:
    page = hand.page
    hand.click("#watch")  # which waits until there is something to watch
    expect(page.locator("#model input")).to_have_value(re.compile(re.escape(name)))
    expect(page.locator("#reel canvas[data-epoch]").first).to_be_visible()
    hand.reached("first film")
    done = say("{done:,} of {epochs:,} epochs done").format(done=EPOCHS, epochs=EPOCHS)
    expect(page.locator("#run-status")).to_contain_text(done)
    expect(page.locator("#run-status")).to_contain_text(say("Finished"))
    expect(page.locator("#generate-epoch")).to_be_enabled()
    hand.reached("trained")
