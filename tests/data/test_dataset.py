"""Folders and zips of images in any layout: decoding, skipped files, limits, the cache."""

import contextlib
import errno
import io
import json
import os
import shutil
import stat
import struct
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision.datasets import ImageFolder

from neuroceleb import decoding, images
from neuroceleb.data import dataset, sources
from neuroceleb.data.dataset import Dataset
from neuroceleb.errors import UserError
from neuroceleb.runs.workspace import Workspace
from tests import helpers


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return helpers.write_photos(tmp_path / "faces", 6)


def png(seed: int) -> bytes:
    buffer = io.BytesIO()
    helpers.photo(seed).save(buffer, "PNG")
    return buffer.getvalue()


def square(seed: int) -> np.ndarray:
    return images.shrink_to_square(helpers.photo(seed), 64)


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def reasons(data: Dataset) -> dict[str, str]:
    return {skipped.name: str(skipped.reason) for skipped in data.skipped}


# Layouts -----------------------------------------------------------------------------------


def test_a_flat_folder_in_order_of_names(folder: Path, workspace: Workspace) -> None:
    data = dataset.load(folder, workspace.datasets)
    assert data.pixels.dtype == np.uint8
    np.testing.assert_array_equal(data.pixels, [square(seed) for seed in range(6)])
    assert data.skipped == ()
    assert len(data) == 6


def test_an_image_folder_tree_holds_what_torchvision_finds_in_it(
    tmp_path: Path, workspace: Workspace
) -> None:
    for seed, person in enumerate(["b", "a", "b", "c c"]):
        (tmp_path / "tree" / person).mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / person / f"{seed}.png").write_bytes(png(seed))
    theirs = ImageFolder(tmp_path / "tree")
    data = dataset.load(tmp_path / "tree", workspace.datasets)
    expected = [images.shrink_to_square(photo, 64) for photo, _ in theirs]
    np.testing.assert_array_equal(data.pixels, expected)


def test_nested_at_any_depth_beside_files_at_the_top(tmp_path: Path, workspace: Workspace) -> None:
    deep = tmp_path / "photos" / "/".join("abcdefghijkl")
    deep.mkdir(parents=True)
    (deep / "one.png").write_bytes(png(1))
    (tmp_path / "photos" / "two.png").write_bytes(png(2))
    data = dataset.load(tmp_path / "photos", workspace.datasets)
    np.testing.assert_array_equal(data.pixels, [square(1), square(2)])


part = st.text(
    st.one_of(st.sampled_from("가힣ぬ中😀é a.b-_()"), st.characters(categories=["L", "N"])),
    min_size=1,
    max_size=6,
).filter(lambda text: not text.startswith(".") and text.strip() == text)
layouts = st.lists(
    st.lists(part, min_size=1, max_size=3).map("/".join), min_size=1, max_size=5, unique=True
)


@settings(max_examples=25, deadline=None)
@given(layouts)
def test_any_names_in_any_layout_give_every_photo_once_from_folder_and_zip(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    place = tmp_path_factory.mktemp("layout")
    members = {f"{name}/{seed}.png": png(seed) for seed, name in enumerate(names)}
    for name, content in members.items():
        (place / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (place / "photos" / name).write_bytes(content)
    workspace = Workspace(place)
    from_folder = dataset.load(place / "photos", workspace.datasets)
    from_zip = dataset.load(zipped(place / "photos.zip", members), workspace.datasets)
    assert len(from_folder) == len(names)
    assert {face.tobytes() for face in from_folder.pixels} == {
        square(seed).tobytes() for seed in range(len(names))
    }
    np.testing.assert_array_equal(from_zip.pixels, from_folder.pixels)
    assert from_zip.fingerprint == from_folder.fingerprint


def test_system_files_are_ignored(folder: Path, workspace: Workspace) -> None:
    (folder / "__MACOSX").mkdir()
    (folder / ".thumbnails").mkdir()
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "__MACOSX/._1.png", ".thumbnails/1.png"):
        (folder / name).write_bytes(b"clutter")
    as_zip = Path(shutil.make_archive(str(folder.parent / "faces"), "zip", folder))
    for source in (folder, as_zip):
        data = dataset.load(source, workspace.datasets)
        assert len(data) == 6
        assert data.skipped == ()


def test_links_are_followed_but_cycles_are_not(
    tmp_path: Path, folder: Path, workspace: Workspace
) -> None:
    album = tmp_path / "album"
    album.mkdir()
    (album / "faces").symlink_to(folder)
    (album / "again").symlink_to(album)
    (album / "one.png").symlink_to(folder / "001.png")
    (album / "gone.png").symlink_to(tmp_path / "nowhere.png")
    data = dataset.load(album, workspace.datasets)
    assert len(data) == 7
    assert reasons(data) == {"gone.png": "it cannot be read (No such file or directory)"}


def test_locate(tmp_path: Path, folder: Path, workspace: Workspace) -> None:
    made_by_crop = workspace.datasets / "mine"
    (made_by_crop / "faces" / "all").mkdir(parents=True)
    (made_by_crop / "rejected").mkdir()
    assert dataset.locate("mine", workspace.datasets) == made_by_crop / "faces"
    assert dataset.locate(str(folder), workspace.datasets) == folder
    assert dataset.locate(str(made_by_crop), workspace.datasets) == made_by_crop / "faces"
    for text in ("yours", str(tmp_path / "none"), "../workspace/yours"):
        with pytest.raises(UserError, match=f"no dataset '{text}'"):
            dataset.locate(text, workspace.datasets)


# Kinds of photos ---------------------------------------------------------------------------


def base() -> Image.Image:
    return helpers.photo(11, (100, 80))


def turned(image: Image.Image) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    image.transpose(Image.Transpose.ROTATE_90).save(buffer, "JPEG", quality=95, exif=exif)
    return buffer.getvalue()


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


GREY = base().convert("L").convert("RGB")
SIXTEEN = Image.fromarray(np.asarray(base().convert("L")).astype(np.uint16) * 257)
KINDS: dict[str, tuple[bytes, Image.Image]] = {
    "grey.png": (encoded(base().convert("L"), "PNG"), GREY),
    "palette.gif": (encoded(base().quantize(256), "GIF"), base()),
    "alpha.png": (encoded(base().convert("RGBA"), "PNG"), base()),
    "cmyk.jpg": (encoded(base().convert("CMYK"), "JPEG", quality=95), base()),
    "sixteen.png": (encoded(SIXTEEN, "PNG"), GREY),
    "turned.jpg": (turned(base()), base()),
    "wrong-suffix.png": (encoded(base(), "JPEG", quality=95), base()),
    "no-suffix": (encoded(base(), "WEBP", quality=95), base()),
    "large.JPG": (encoded(base().resize((3000, 2400)), "JPEG", quality=95), base()),
    "small.bmp": (encoded(base().resize((50, 40)), "BMP"), base()),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_format_decodes_to_the_same_colours(
    name: str, tmp_path: Path, workspace: Workspace
) -> None:
    content, expected = KINDS[name]
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / name).write_bytes(content)
    (face,) = dataset.load(tmp_path / "photos", workspace.datasets).pixels
    assert face.shape == (64, 64, 3)
    wanted = images.shrink_to_square(expected, 64).astype(int)
    assert np.abs(face.astype(int) - wanted).mean() < 6


@pytest.mark.parametrize("size", [(1, 1), (2000, 3), (3, 2000), (64, 64), (65, 63), (640, 480)])
def test_every_size_and_aspect(size: tuple[int, int], tmp_path: Path, workspace: Workspace) -> None:
    (tmp_path / "photos").mkdir()
    Image.new("RGB", size, (10, 200, 30)).save(tmp_path / "photos" / "a.png")
    (face,) = dataset.load(tmp_path / "photos", workspace.datasets).pixels
    assert (face == [10, 200, 30]).all()


# Skipped files -----------------------------------------------------------------------------

BAD = {
    "empty.jpg": (b"", "empty"),
    "truncated.png": (png(1)[:300], "damaged"),
    "huge.png": (helpers.png_that_claims(20_000, 10_001), "200 megapixels"),
    "letter.jpg": (b"Dear diary, today\n" * 40, "not an image"),
    "nested.zip": (b"PK\x03\x04" + bytes(100), "not an image"),
    "page.html": (b"<html><body>", "not an image"),
    "힣😀.png": (b"\x89PNG\r\n\x1a\n", "not an image"),
}


def assert_bad_ones_are_named(data: Dataset) -> None:
    assert len(data) == 6
    named = reasons(data)
    assert named.keys() == BAD.keys()
    for name, (_, reason) in BAD.items():
        assert reason in named[name]


def test_bad_files_of_a_folder_are_skipped_and_listed(folder: Path, workspace: Workspace) -> None:
    for name, (content, _) in BAD.items():
        (folder / name).write_bytes(content)
    assert_bad_ones_are_named(dataset.load(folder, workspace.datasets))
    assert_bad_ones_are_named(dataset.load(folder, workspace.datasets))  # from the cache as well


def test_bad_files_of_a_zip_are_skipped_and_listed(tmp_path: Path, workspace: Workspace) -> None:
    good = {f"{seed}.png": png(seed) for seed in range(6)}
    bad = {name: content for name, (content, _) in BAD.items()}
    assert_bad_ones_are_named(
        dataset.load(zipped(tmp_path / "a.zip", good | bad), workspace.datasets)
    )


def test_special_files_are_skipped_without_blocking(folder: Path, workspace: Workspace) -> None:
    os.mkfifo(folder / "pipe.png")
    data = dataset.load(folder, workspace.datasets)
    assert reasons(data) == {"pipe.png": "it is not a plain file"}


def test_unreadable_files_are_listed(folder: Path, tmp_path: Path) -> None:
    (folder / "private").mkdir()
    (folder / "private" / "a.png").write_bytes(png(9))
    (folder / "003.png").chmod(0)
    (folder / "private").chmod(0)
    code = (
        "import sys; from pathlib import Path\n"
        "from neuroceleb.data import dataset; from neuroceleb.runs import workspace\n"
        "data = dataset.load(Path(sys.argv[1]), workspace.Workspace(Path(sys.argv[2])).datasets)\n"
        "print(len(data), *data.skipped, sep='\\n')"
    )
    if not shutil.which("setpriv"):
        pytest.skip("there is no setpriv here")
    bound = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")  # which root is not
    done = subprocess.run(
        [*bound, sys.executable, "-c", code, str(folder), str(tmp_path)],
        env=helpers.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    (folder / "private").chmod(0o700)
    if "setpriv" in done.stderr:
        pytest.skip("privileges cannot be dropped here")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "5",
        "003.png: it cannot be read (Permission denied)",
        "private: it cannot be read (Permission denied)",
    ]


def test_a_folder_without_images_raises_its_name(tmp_path: Path, workspace: Workspace) -> None:
    empty, useless = tmp_path / "empty", tmp_path / "useless"
    (empty / "sub").mkdir(parents=True)
    useless.mkdir()
    (useless / "notes.doc").write_text("not a photo")
    (useless / "notes.txt").write_text("not a photo")
    for source in (empty, zipped(tmp_path / "empty.zip", {})):
        with pytest.raises(UserError, match=f"no images in {source}"):
            dataset.load(source, workspace.datasets)
    with pytest.raises(UserError, match=rf"None of the 1 files in {useless}.*notes\.doc.*not an i"):
        dataset.load(useless, workspace.datasets)
    assert not workspace.datasets.exists()


def test_too_many_files_are_refused(
    folder: Path, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_zip = zipped(tmp_path / "a.zip", {f"{seed}.png": png(seed) for seed in range(6)})
    monkeypatch.setattr(sources, "MAX_FILES", 5)
    for source in (folder, as_zip):
        with pytest.raises(UserError, match=rf"{source.name} has over 5 files.*split it"):
            dataset.load(source, workspace.datasets)


# Hostile zips ------------------------------------------------------------------------------


def test_members_that_lead_out_of_the_zip_are_refused(tmp_path: Path, workspace: Workspace) -> None:
    outside = ["../evil.png", "a/../../evil.png", "/evil.png", "..\\evil.png", "\\evil.png"]
    members = {name: png(seed) for seed, name in enumerate(outside)}
    place = tmp_path / "deep" / "er"
    place.mkdir(parents=True)
    data = dataset.load(zipped(place / "a.zip", members | {"good.png": png(9)}), workspace.datasets)
    np.testing.assert_array_equal(data.pixels, [square(9)])
    listed = {name.replace("\\", "/"): "its path leads out of the zip" for name in outside}
    assert reasons(data) == listed
    assert not list(tmp_path.rglob("evil*"))
    assert not Path("/evil.png").exists()


def test_links_in_a_zip_are_ignored(tmp_path: Path, folder: Path, workspace: Workspace) -> None:
    link = zipfile.ZipInfo("link.png")
    link.create_system = 3
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = zipped(tmp_path / "a.zip", {"good.png": png(1)})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, str(folder / "000.png"))
    data = dataset.load(path, workspace.datasets)
    np.testing.assert_array_equal(data.pixels, [square(1)])
    assert reasons(data) == {"link.png": "it is not an image of a known kind"}


def test_a_zip_bomb_is_detected_by_its_ratio(tmp_path: Path, workspace: Workspace) -> None:
    bomb = png(2) + bytes(24 * 2**20)
    path = zipped(tmp_path / "a.zip", {"bomb.png": bomb, "good.png": png(1)})
    data = dataset.load(path, workspace.datasets)
    assert len(data) == 1
    assert "zip bomb" in reasons(data)["bomb.png"]


def test_a_member_larger_than_declared_is_skipped(tmp_path: Path, workspace: Workspace) -> None:
    whole = png(2)
    path = zipped(tmp_path / "a.zip", {"liar.png": whole + bytes(2**20), "good.png": png(1)})
    true_size, small = struct.pack("<I", len(whole) + 2**20), struct.pack("<I", len(whole))
    path.write_bytes(path.read_bytes().replace(true_size, small))
    data = dataset.load(path, workspace.datasets)
    np.testing.assert_array_equal(data.pixels, [square(1)])
    assert reasons(data) == {"liar.png": "it is damaged within the zip"}


def test_a_zip_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = zipped(tmp_path / "a.zip", {f"{n}.png": bytes(1000) for n in range(5)})
    monkeypatch.setattr(sources, "MAX_ZIP_BYTES", 4_999)
    with pytest.raises(UserError, match=r"a\.zip has over .* unpacks to over"):
        dataset.load(path, workspace.datasets)


def test_a_locked_member_is_named(tmp_path: Path, workspace: Workspace) -> None:
    path = zipped(tmp_path / "a.zip", {"good.png": png(1), "locked.png": png(2)})
    blob = bytearray(path.read_bytes())
    entry = blob.rindex(b"PK\x01\x02")  # the central directory's last entry
    blob[entry + 8] |= 1
    path.write_bytes(bytes(blob))
    data = dataset.load(path, workspace.datasets)
    assert reasons(data) == {"locked.png": "it is locked with a password"}


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 and no more"])
def test_other_files_raise_their_name(content: bytes, tmp_path: Path, workspace: Workspace) -> None:
    (tmp_path / "photos.zip").write_bytes(content)
    with pytest.raises(UserError, match=r"photos\.zip is neither a folder nor a whole zip"):
        dataset.load(tmp_path / "photos.zip", workspace.datasets)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_zip_gives_photos_or_a_user_error(
    tmp_path_factory: pytest.TempPathFactory, hurt: st.DataObject
) -> None:
    place = tmp_path_factory.mktemp("damaged")
    blob = bytearray(zipped(place / "a.zip", {"a.png": png(1), "b/c.png": png(2)}).read_bytes())
    for _ in range(hurt.draw(st.integers(1, 5))):
        blob[hurt.draw(st.integers(0, len(blob) - 1))] = hurt.draw(st.integers(0, 255))
    (place / "a.zip").write_bytes(bytes(blob[: hurt.draw(st.integers(1, len(blob)))]))
    try:
        data = dataset.load(place / "a.zip", Workspace(place).datasets)
    except UserError as error:
        assert "a.zip" in str(error)
    else:
        assert 1 <= len(data) + len(data.skipped) <= 2


# The cache ---------------------------------------------------------------------------------


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with every photo that is decoded."""
    seen: list[int] = []
    lock = threading.Lock()
    opened_photo = decoding.opened_photo

    def watched(
        data: bytes, draft_px: int | None = None
    ) -> contextlib.AbstractContextManager[Image.Image]:
        with lock:
            seen.append(len(data))
        return opened_photo(data, draft_px)

    monkeypatch.setattr(decoding, "opened_photo", watched)
    return seen


def cached_files(workspace: Workspace) -> set[str]:
    return {path.suffix for path in (workspace.datasets / ".cache").iterdir()}


@pytest.mark.parametrize("as_zip", [False, True])
def test_a_second_load_decodes_nothing(
    as_zip: bool, folder: Path, workspace: Workspace, decoded: list[int]
) -> None:
    source = folder
    if as_zip:
        source = Path(shutil.make_archive(str(folder.parent / "faces"), "zip", folder))
    first = dataset.load(source, workspace.datasets)
    assert len(decoded) == 6
    second = dataset.load(source, workspace.datasets)
    assert len(decoded) == 6
    np.testing.assert_array_equal(second.pixels, first.pixels)
    assert (second.fingerprint, second.skipped) == (first.fingerprint, first.skipped)


def change(folder: Path) -> None:
    (folder / "002.png").write_bytes(png(77))


def change_keeping_size_and_time(folder: Path) -> None:
    path = folder / "002.png"
    before = path.stat()
    content = encoded(helpers.photo(2).rotate(180), "PNG")
    path.write_bytes(content.ljust(before.st_size, b"\0")[: before.st_size])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def add(folder: Path) -> None:
    (folder / "new.png").write_bytes(png(77))


def add_unusable(folder: Path) -> None:
    (folder / "new.txt").write_bytes(b"not a photo")


def remove(folder: Path) -> None:
    (folder / "002.png").unlink()


def rename(folder: Path) -> None:
    (folder / "002.png").rename(folder / "9.png")


@pytest.mark.parametrize(
    "act", [change, change_keeping_size_and_time, add, add_unusable, remove, rename]
)
def test_the_cache_is_invalidated_by_changed_files(
    act: Callable[[Path], None], folder: Path, workspace: Workspace
) -> None:
    dataset.load(folder, workspace.datasets)
    act(folder)
    found = dataset.load(folder, workspace.datasets)
    fresh = dataset.load(folder, Workspace(workspace.root / "other").datasets)
    np.testing.assert_array_equal(found.pixels, fresh.pixels)
    assert (found.fingerprint, found.skipped) == (fresh.fingerprint, fresh.skipped)
    assert len(list((workspace.datasets / ".cache").glob("*.npy"))) == 1  # the old one is gone


def test_two_datasets_are_cached_side_by_side(
    folder: Path, tmp_path: Path, workspace: Workspace, decoded: list[int]
) -> None:
    other = helpers.write_photos(tmp_path / "other", 3)
    for source in (folder, other, folder, other):
        dataset.load(source, workspace.datasets)
    assert len(decoded) == 9


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def clear(path: Path) -> None:
    path.write_bytes(b"")


def scribble(path: Path) -> None:
    path.write_bytes(b"\x93NUMPY scribble {")


def swap(path: Path) -> None:
    """Another valid file of its kind."""
    if path.suffix == ".npy":
        np.save(path, np.zeros((6, 8, 8, 3), np.uint8))
    else:
        path.write_text("[1, 2]")


def pack(path: Path) -> None:
    zipped(path, {"a": b"b"})


def spoil_one_pixel(path: Path) -> None:
    blob = bytearray(path.read_bytes())
    blob[-1] ^= 255
    path.write_bytes(bytes(blob))


@pytest.mark.parametrize("suffix", [".npy", ".json"])
@pytest.mark.parametrize("hurt", [cut, clear, scribble, swap, pack, spoil_one_pixel, Path.unlink])
def test_a_damaged_cache_is_rebuilt(
    hurt: Callable[[Path], None], suffix: str, folder: Path, workspace: Workspace
) -> None:
    first = dataset.load(folder, workspace.datasets)
    expected = first.pixels.copy()
    (path,) = (workspace.datasets / ".cache").glob(f"*{suffix}")
    hurt(path)
    again = dataset.load(folder, workspace.datasets)
    np.testing.assert_array_equal(again.pixels, expected)
    assert again.fingerprint == first.fingerprint
    assert cached_files(workspace) == {".npy", ".json"}


def test_nothing_is_left_beside_the_cache(folder: Path, workspace: Workspace) -> None:
    dataset.load(folder, workspace.datasets)
    names = [path.name for path in (workspace.datasets / ".cache").iterdir()]
    assert len(names) == 2
    assert not any(name.startswith(".") for name in names)


def test_an_unwritable_cache_is_a_user_error(folder: Path, workspace: Workspace) -> None:
    workspace.root.mkdir()
    workspace.datasets.write_text("a file in the way")
    with pytest.raises(UserError, match=r"\.cache could not be written"):
        dataset.load(folder, workspace.datasets)


def test_a_full_disk_is_a_user_error(
    folder: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(UserError, match="No space left"):
        dataset.load(folder, workspace.datasets)
    assert not list((workspace.datasets / ".cache").iterdir())


def test_the_record_has_the_source_and_the_skipped_files(
    folder: Path, workspace: Workspace
) -> None:
    (folder / os.fsdecode(b"\xff.png")).write_bytes(b"bad name, bad photo")
    data = dataset.load(folder, workspace.datasets)
    (record,) = (workspace.datasets / ".cache").glob("*.json")
    assert json.loads(record.read_text("utf-8")) == {
        "source": str(folder),
        "fingerprint": data.fingerprint,
        "skipped": [
            [
                "%FF.png",
                {"text": "it is not an image of a known kind", "parameters": {}},
            ]
        ],
    }
    assert dataset.load(folder, workspace.datasets).skipped == data.skipped


def test_what_no_record_names_is_swept(folder: Path, workspace: Workspace) -> None:
    cache = workspace.datasets / ".cache"
    kept = shutil.copytree(folder, workspace.datasets / "kept")
    for source in (folder, kept):
        dataset.load(source, workspace.datasets)
    dead, alive = f".a.npy.{2**22 + 1}-0123abcd.tmp", f".b.npy.{os.getpid()}-0123abcd.tmp"
    for name in ("orphan.npy", "damaged.npy", "damaged.json", dead, alive):
        (cache / name).write_bytes(b"{")
    shutil.rmtree(folder)
    dataset.sweep_cache(workspace.datasets)
    names = sorted(path.name for path in cache.iterdir())
    assert len(names) == 3
    assert alive in names
    assert not {"orphan.npy", "damaged.npy", "damaged.json", dead} & set(names)


def test_the_cache_of_a_copied_workspace_is_its_own(folder: Path, workspace: Workspace) -> None:
    shutil.copytree(folder, workspace.datasets / "mine")
    data = dataset.load(workspace.datasets / "mine", workspace.datasets)
    copy = Path(shutil.copytree(workspace.root, workspace.root.with_name("copy"))) / "datasets"
    assert dataset.cached_fingerprints(copy / "mine", copy) == {data.fingerprint}
    dataset.clear_cache(copy / "mine", copy)
    assert not list((copy / ".cache").iterdir())
    assert dataset.cached_fingerprints(workspace.datasets / "mine", workspace.datasets)


def test_what_changes_while_it_is_decoded_is_not_cached(folder: Path, workspace: Workspace) -> None:
    """Somebody is removed meanwhile: their face would stay in the cache."""

    def remove_one(done: int, total: int) -> None:
        if done == total:
            next(folder.rglob("*.png")).unlink()

    dataset.load(folder, workspace.datasets, remove_one)
    assert not list((workspace.datasets / ".cache").glob("*"))


def test_progress_is_reported_up_to_the_last_file(folder: Path, workspace: Workspace) -> None:
    (folder / "bad.png").write_bytes(b"bad")
    reported: list[tuple[int, int]] = []
    dataset.load(folder, workspace.datasets, lambda done, total: reported.append((done, total)))
    assert reported == [(done, 7) for done in range(1, 8)]
    dataset.load(
        folder, workspace.datasets, lambda *_: pytest.fail("nothing is decoded a second time")
    )
