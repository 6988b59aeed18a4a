"""The Photos tab in a real browser: from photos to a dataset, and what comes between."""

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageFilter
from playwright.sync_api import Locator, Page, Route, expect

from neuroceleb.app.uploads import MAX_ZIP_BYTES
from neuroceleb.data.faces.manifest import FaceSet
from tests import helpers
from tests.data.faces.faces_helpers import portrait

FLIPPED = Image.Transpose.FLIP_LEFT_RIGHT


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("studio")


@pytest.fixture(scope="module")
def app(root: Path) -> Iterator[helpers.App]:
    """An app over a workspace of its own, without anybody's Google credentials."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_GCE_CHECK", "true")
        patch.setenv("CLOUDSDK_CONFIG", str(root / "gcloud"))
        patch.setenv("HOME", str(root))
        served = helpers.App(root)
        yield served
        served.kill()


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def album() -> list[dict[str, object]]:
    """Two portraits, one blurred, and no photo, as files of a form."""
    pictures = {
        "one 사진.png": png(portrait(300)),
        "two.png": png(portrait(280).transpose(FLIPPED)),
        "blurred.png": png(portrait(260).filter(ImageFilter.GaussianBlur(9))),
        "no photo.jpg": b"hello",
    }
    return [
        {"name": name, "mimeType": "image/png", "buffer": data} for name, data in pictures.items()
    ]


def open_photos(page: Page, app: helpers.App, query: str = "") -> None:
    page.goto(f"{app.url}?tab=photos{query}")


def named(page: Page, name: str) -> None:
    expect(page.locator("#crop")).to_be_enabled()  # all has arrived, and a name was suggested
    field = page.locator("#crop-name").get_by_role("textbox")
    field.clear()
    field.press_sequentially(name)


def face(page: Page, name: str) -> Locator:
    return page.locator(f"[data-face][aria-label^='{name}:']")


def send_and_crop(page: Page, name: str) -> None:
    page.locator("#photo-files").set_input_files(album())  # type: ignore[arg-type]
    expect(page.locator("#photo-drop")).to_contain_text("4 files are here")
    named(page, name)
    page.locator("#crop").click()
    expect(page.locator("#photos-facts")).to_contain_text("Done: 3 new faces from 4 photos.")


@pytest.mark.slow
def test_from_photos_to_a_training(page: Page, app: helpers.App, root: Path) -> None:
    open_photos(page, app)
    expect(page.locator("#photo-drop")).to_contain_text("Drop photos, folders or zips here")
    send_and_crop(page, "faces")
    expect(page).to_have_url(re.compile("dataset=faces"))
    assert not (root / ".cache" / "uploads").exists() or not any(
        (root / ".cache" / "uploads").iterdir()
    )

    # A threshold moved by key: the counts follow; the recommended ones come back.
    facts = page.locator("#photos-facts")
    expect(facts).to_contain_text("2 kept, 1 left out")
    page.locator("#rule-min-source-px input[type=range]").press("End")
    expect(facts).to_contain_text("1 kept, 2 left out")
    expect(facts).to_contain_text("not saved")
    page.locator("#defaults").click()
    expect(facts).to_contain_text("2 kept, 1 left out")
    expect(page.locator("#rule-min-source-px input[type=number]")).to_have_value("48")

    # By a click one face, by ticks several.
    expect(face(page, "blurred.png")).to_have_attribute("aria-pressed", "false")
    face(page, "blurred.png").click()
    expect(face(page, "blurred.png")).to_have_attribute("aria-pressed", "true")
    page.locator("#tick-all").check()
    expect(page.locator("#selected")).to_contain_text("All of this view")
    page.locator("#ticked-reject").click()
    expect(facts).to_contain_text("0 kept, 3 left out")
    page.locator("#undo-photos").click()
    expect(facts).to_contain_text("2 kept, 1 left out")

    # The photo itself, while it is remembered.
    page.get_by_role("button", name="one 사진.png", exact=True).click()
    expect(page.locator("dialog .nc-photo rect")).to_have_count(1)
    page.keyboard.press("Escape")

    # Saved under a name, reloaded, and on to the training.
    save_name = page.locator("#save-name").get_by_role("textbox")
    save_name.clear()
    save_name.press_sequentially("우리 faces")
    page.locator("#save-dataset").click()
    expect(page.locator("#dataset-of-photos input")).to_have_value("우리 faces")
    kept = list(FaceSet(root / "datasets" / "우리 faces").faces.rglob("*.png"))
    assert len(kept) == 2
    page.reload()
    expect(facts).to_contain_text("2 kept, 1 left out")
    with page.expect_download() as saved:
        page.locator("#report-card").click()
    assert "우리 faces" in Path(saved.value.path()).read_text("utf-8")
    # It was marked while the card was made.
    expect(page.locator("#report-card")).to_have_attribute("aria-busy", "false")
    page.locator("#train-on-this").click()
    expect(page).to_have_url(re.compile("tab=train"))
    expect(page.locator("#dataset input")).to_have_value("우리 faces")


@pytest.mark.slow
@pytest.mark.refused
def test_files_that_fail_are_tried_again_and_named(page: Page, app: helpers.App) -> None:
    open_photos(page, app)
    failures = {"left": 3}

    def flaky(route: Route) -> None:
        body = route.request.post_data_buffer or b""
        if b"hello" in body and failures["left"]:
            failures["left"] -= 1
            route.fulfill(status=413, body="too large")
        else:
            route.continue_()

    page.route("**/upload?*", flaky)
    page.route("**/upload", flaky)
    page.locator("#photo-files").set_input_files(album())  # type: ignore[arg-type]
    expect(page.locator(".nc-failed")).to_contain_text("no photo.jpg: it did not arrive")
    expect(page.locator("#photo-drop")).to_contain_text("3 files are here")
    page.locator("#photo-again").click()
    expect(page.locator("#photo-drop")).to_contain_text("4 files are here")
    expect(page.locator(".nc-failed")).to_be_hidden()
    page.locator("#photo-clear").click()
    expect(page.locator("#photo-drop")).not_to_contain_text("files are here")


@pytest.mark.slow
def test_a_file_over_the_limit_is_named_and_not_sent(
    page: Page, app: helpers.App, tmp_path: Path
) -> None:
    large = tmp_path / "album.zip"
    with large.open("wb") as file:
        file.truncate(MAX_ZIP_BYTES + 1)  # takes no room on most disks
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    open_photos(page, app)
    page.locator("#photo-files").set_input_files(large)
    expect(page.locator(".nc-failed")).to_have_text(
        "album.zip: it is over 4 GB: unpack it, then choose the folder"
    )
    expect(page.locator("#photo-again")).to_be_hidden()
    assert not any("/upload" in url for url in requests)


@pytest.mark.slow
@pytest.mark.refused
def test_google_is_asked_for_nothing_without_credentials(page: Page, app: helpers.App) -> None:
    open_photos(page, app)
    page.locator("#photo-files").set_input_files(album())  # type: ignore[arg-type]
    expect(page.locator("#photo-drop")).to_contain_text("4 files are here")
    named(page, "sent")
    page.locator("#detector input").click()
    page.get_by_role("option", name=re.compile("Google")).click()
    page.locator("#crop").click()
    expect(page.locator("[data-testid=toast-body]")).to_contain_text("No usable Google credentials")
    expect(page.locator("#google-question")).to_be_hidden()


@pytest.mark.slow
def test_on_a_phone_in_korean(open_page: Callable[..., Page], app: helpers.App) -> None:
    phone = open_page(viewport={"width": 390, "height": 844}, locale="ko-KR", color_scheme="dark")
    open_photos(phone, app)
    expect(phone.locator("#dataset-of-photos")).to_contain_text("데이터셋")
    expect(phone.locator("#photo-drop")).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    for part in ("#photo-drop", "#crop-name", "#detector", "#crop"):
        assert phone.locator(part).evaluate("it => it.getBoundingClientRect().right <= 390"), part
