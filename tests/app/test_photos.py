"""The Photos tab in a real browser: from dropped photos to a training, and what comes between."""

import io
import os
import signal
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image, ImageFilter
from playwright.sync_api import Browser, Locator, Page, Route, expect

from neuroceleb.data.faces.manifest import FaceSet
from neuroceleb.runs.workspace import Workspace, create_run
from tests import helpers
from tests.data.faces.faces_helpers import portrait, save

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


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A phone's photo, one lying on its side, a group, one blurred, a zip, and no photo."""
    folder = tmp_path_factory.mktemp("album")
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = portrait(400).transpose(Image.Transpose.ROTATE_90)
    save(folder / "phone 사진.jpg", turned, exif=exif, quality=95)
    save(
        folder / "lying.png", portrait(310).transpose(FLIPPED).transpose(Image.Transpose.ROTATE_90)
    )
    save(folder / "blurred.png", portrait(300).filter(ImageFilter.GaussianBlur(9)))
    group = Image.new("RGB", (1000, 480), (90, 100, 90))
    for number in range(3):
        group.paste(portrait(220 + 40 * number), (20 + 330 * number, 60))
    save(folder / "group.jpg", group, quality=95)
    (folder / "no photo.jpg").write_text("hello")
    inner = io.BytesIO()
    portrait(260).save(inner, "PNG")
    with zipfile.ZipFile(folder / "more.zip", "w") as archive:
        archive.writestr("ann/one.png", inner.getvalue())
    return sorted(folder.iterdir())


def open_photos(page: Page, app: helpers.App, tab: str = "Photos") -> None:
    page.goto(app.url)
    page.get_by_role("tab", name=tab, exact=True).click()


def slide(page: Page, rule: str, value: float) -> None:
    page.locator(f"#rule-{rule}").evaluate(
        "(slider, value) => { slider.value = value;"
        " for (const kind of ['input', 'change']) slider.dispatchEvent(new Event(kind)); }",
        value,
    )


def shot(page: Page, name: str) -> Locator:
    return page.locator(f"[data-photo='{name}']")


@pytest.mark.slow
def test_from_a_drop_to_a_training(
    page: Page, app: helpers.App, album: list[Path], root: Path
) -> None:
    # Nothing there yet: what to do, and the button for it.
    open_photos(page, app)
    expect(page.locator("#photo-drop")).to_contain_text("Drop photos, folders or zips here")

    # Dropped, named, cut.
    page.locator("#photo-files").set_input_files(album)
    expect(page.locator("#gathered")).to_contain_text("6 files")
    expect(page.locator("#dataset-name")).to_have_value("faces")
    page.locator("#cut").click()
    facts = page.locator("#dataset-facts")
    expect(facts).to_contain_text("6 photos, 7 faces")
    expect(page.locator("#task-done")).to_contain_text("7 new faces from 6 photos. The photos are")
    expect(page.locator("#photos-verdict")).to_contain_text("a GAN would learn them by heart")
    assert list((root / ".cache" / "uploads").iterdir()) == []
    face_set = FaceSet(root / "datasets" / "faces")

    # Every photo upright with its faces boxed, the crops beside it, and why not.
    for name, width, height in (("phone 사진.jpg", 388, 480), ("lying.png", 310, 383)):
        image = shot(page, name).locator(".nc-shot-photo")
        expect(image).to_be_visible()
        page.wait_for_function("image => image.naturalWidth > 0", arg=image.element_handle())
        size = image.evaluate("image => [image.naturalWidth, image.naturalHeight]")
        assert size == pytest.approx([width, height], abs=2)
    expect(shot(page, "group.jpg").locator(".nc-box")).to_have_count(3)
    expect(shot(page, "group.jpg").locator("[data-face]")).to_have_count(3)
    expect(shot(page, "blurred.png")).to_contain_text("blurred")
    expect(shot(page, "no photo.jpg")).to_contain_text("not an image of a known kind")
    page.locator("[data-show=unreadable]").click()
    expect(page.locator("[data-photo]")).to_have_count(1)
    page.locator("[data-show=all]").click()

    # A threshold moved, by hand and by key: the counts follow, nothing is detected again.
    kept = page.locator("[data-show=kept] span")
    before = kept.inner_text()
    slide(page, "min_source_px", 4_000)
    expect(kept).not_to_have_text(before)
    expect(facts).to_contain_text("not saved")
    page.locator("#rule-max_yaw").press("ArrowLeft")
    expect(page.locator("[data-rule=max_yaw] output")).to_have_text("27")
    page.locator("#defaults").click()
    expect(kept).to_have_text(before)
    expect(facts).not_to_contain_text("not saved")

    # Of several faces the largest; then one of the others by hand.
    page.locator("#rule-faces").select_option("largest")
    expect(page.locator("[data-show=not_chosen] span")).to_have_text("2")
    small = shot(page, "group.jpg").locator("[data-face][aria-pressed=false]").first
    face_id = small.get_attribute("data-face")
    chosen = page.locator(f"[data-face='{face_id}']")
    chosen.click()
    expect(chosen).to_have_attribute("aria-pressed", "true")
    expect(chosen).to_contain_text("by hand")
    page.locator("[data-show=changed]").click()
    expect(page.locator("[data-photo]")).to_have_count(1)

    # Saved under a name; reloaded, it is still what is shown.
    page.locator("#save-name").fill("우리 faces")
    page.locator("#save-dataset").click()
    expect(page.locator("#dataset-title")).to_have_text("우리 faces")
    expect(page.locator("#save-dataset")).to_have_text("Saved")
    face_set = FaceSet(root / "datasets" / "우리 faces")
    assert (root / "datasets" / "우리 faces" / "faces" / "photos" / f"{face_id}.png").is_file()
    page.reload()
    page.get_by_role("tab", name="Photos", exact=True).click()
    expect(page.locator("#dataset-title")).to_have_text("우리 faces")
    page.locator("[data-show=sheet]").click()
    expect(page.locator("#contact img")).to_have_count(len(list(face_set.faces.rglob("*.png"))))
    page.locator("[data-show=all]").click()

    # One photo, then one person, removed: asked first, with the runs that learned from them.
    create_run(Workspace(root), "learned", {"dataset": {"path": str(face_set.faces)}})
    page.locator("[data-show=kept]").click()
    page.locator("[data-show=all]").click()
    expect(page.locator("[data-photo]")).to_have_count(6)
    shot(page, "lying.png").hover()
    shot(page, "lying.png").locator("[data-remove]").click()
    expect(page.locator("#sure")).to_contain_text("learned")
    page.locator("#sure-no").click()
    shot(page, "lying.png").locator("[data-remove]").click()
    page.locator("#sure-yes").click()
    expect(page.locator("#toast")).to_contain_text("Runs trained with them: learned")
    expect(shot(page, "lying.png")).to_have_count(0)
    page.locator("#group").select_option("ann")
    expect(page.locator("[data-photo]")).to_have_count(1)
    page.locator("#remove-group").click()
    page.locator("#sure-yes").click()
    expect(facts).to_contain_text("4 photos")
    assert {row.source for row in face_set.rows()} == {
        "phone 사진.jpg",
        "blurred.png",
        "group.jpg",
        "no photo.jpg",
    }
    assert not list(face_set.path.glob("*/ann"))

    # On to the training.
    page.locator("#train-on-this").click()
    expect(page.get_by_role("tab", name="Train", exact=True)).to_have_attribute(
        "aria-selected", "true"
    )
    expect(page.locator("#training #dataset")).to_have_value("우리 faces")


def drop(page: Page, names: dict[str, bytes]) -> None:
    """Let go of files over the page, as from a file manager."""
    transfer = page.evaluate_handle(
        "files => { const it = new DataTransfer(); for (const [name, bytes] of files)"
        " it.items.add(new File([new Uint8Array(bytes)], name)); return it; }",
        [[name, list(data)] for name, data in names.items()],
    )
    page.dispatch_event("#photo-drop", "drop", {"dataTransfer": transfer})


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def workers_of(app: helpers.App) -> list[int]:
    """The processes that cut for this app."""
    found = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == app.process.pid and b"spawn_main" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


@pytest.mark.slow
def test_reloaded_and_killed_it_goes_on(
    browser: Browser, app: helpers.App, root: Path, tmp_path: Path
) -> None:
    many = [tmp_path / f"{number}.jpg" for number in range(40)]
    for number, path in enumerate(many):
        save(path, portrait(400 + number))
    manifest = root / "datasets" / "long" / "manifest.jsonl"
    page = browser.new_page(locale="en-US")
    page.set_default_timeout(helpers.PATIENCE_S * 1_000)
    expect.set_options(timeout=helpers.PATIENCE_S * 1_000)
    told = page.locator("#task-facts")
    try:
        open_photos(page, app)
        page.locator("#new-dataset").click()
        drop(page, {"small.png": png(portrait(90)), ".DS_Store": b"x"})
        expect(page.locator("#gathered")).to_contain_text("1 files")
        page.locator("#clear").click()
        expect(page.locator("#gathered")).to_be_empty()
        page.locator("#photo-files").set_input_files(many)
        page.locator("#dataset-name").fill("long")
        page.locator("#cut").click()
        helpers.wait_for(lambda: len(workers_of(app)) > 0)

        # Its workers held up, the page is reloaded: it goes on.
        workers = workers_of(app)
        for worker in workers:
            os.kill(worker, signal.SIGSTOP)
        page.reload()
        page.get_by_role("tab", name="Photos", exact=True).click()
        expect(told).to_have_attribute("data-state", "running")
        for worker in workers:
            os.kill(worker, signal.SIGCONT)

        # The app is killed in the middle, and its workers end with it.
        helpers.wait_for(lambda: manifest.stat().st_size > 0)
        workers = workers_of(app)
        app.kill()
        helpers.wait_for(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))
        done = len(FaceSet(manifest.parent).rows())
        assert 0 < done < len(many)

        # Started again, it says so, and goes on from there.
        app.start()
        expect(told).to_contain_text("Stopped before all photos were cropped")
        page.locator("#go-on").click()
        expect(page.locator("#dataset-facts")).to_contain_text("40 photos, 40 faces")
        expect(page.locator("#task-done")).to_contain_text(f"{len(many) - done} new faces")
        assert list((root / ".cache" / "uploads").iterdir()) == []
        assert len({row.source_sha256 for row in FaceSet(manifest.parent).rows()}) == len(many)
    finally:
        page.close()


@pytest.mark.refused
def test_google_is_asked_for_nothing_without_a_yes(page: Page, app: helpers.App) -> None:
    open_photos(page, app)
    page.locator("#new-dataset").click()
    page.locator("#photo-files").set_input_files(
        [{"name": "a.png", "mimeType": "image/png", "buffer": png(portrait(100))}]
    )
    page.locator("#dataset-name").fill("sent")
    page.locator("#detector").select_option("google-vision")
    page.locator("#cut").click()
    expect(page.locator("#form-problem")).to_contain_text("No usable Google credentials")

    def cost(route: Route) -> None:
        route.fulfill(json={"photos": 1, "calls": 1, "usd": 1.5, "year": 2026, "free": 1000})

    page.route("**/photos/cost", cost)
    started: list[str] = []
    page.on("request", lambda it: started.append(it.url) if it.url.endswith("/start") else None)
    page.locator("#cut").click()
    expect(page.locator("#google-question")).to_contain_text("1 calls, about 1.50 USD")
    expect(page.locator("#no-google")).to_be_focused()
    page.locator("#no-google").click()
    expect(page.locator("#google-question")).to_be_empty()
    expect(page.locator("#cut")).to_be_enabled()
    assert started == []
    page.locator("#dataset-name").fill("a/b")
    page.locator("#detector").select_option("yunet")
    page.locator("#cut").click()
    expect(page.locator("#form-problem")).to_contain_text("is not a name")


def test_on_a_phone_in_korean_and_for_strangers(
    open_page: Callable[..., Page], app: helpers.App
) -> None:
    phone = open_page(viewport={"width": 390, "height": 844}, locale="ko-KR", color_scheme="dark")
    open_photos(phone, app, "사진")
    expect(phone.locator("#photos")).to_contain_text("데이터셋")
    phone.locator("#new-dataset").click()
    expect(phone.locator("#photo-drop")).to_contain_text("여기에 놓으세요")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    fits = "element => element.getBoundingClientRect().right <= 390"
    for part in ("#photo-drop", "#dataset-name", "#detector", "#cut"):
        assert phone.locator(part).evaluate(fits), part
    stranger = open_page()
    stranger.route("**/photos", lambda route: route.fulfill(json={"allowed": False}))
    open_photos(stranger, app)
    expect(stranger.locator("#photos")).to_contain_text("start the app on this machine alone")
    expect(stranger.locator("#cut")).to_have_count(0)
