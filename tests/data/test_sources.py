"""What is a photo among the files of a folder or zip."""

import shutil
import warnings
import zipfile
from pathlib import Path

import pytest

from neuroceleb.data import sources
from neuroceleb.data.sources import Listing
from tests.data.zips import zip_of

SYSTEM = (
    "minji/@eaDir/a.jpg/SYNOPHOTO_THUMB_XL.jpg",
    "minji/@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg",
    "#recycle/a.jpg",
    "$RECYCLE.BIN/S-1-5-21/$RABC123.jpg",
    "minji/.@__thumb/a.jpg",
    "@Recycle/a.jpg",
    ".thumbnails/a.jpg",
    "lost+found/a.jpg",
    "System Volume Information/a.jpg",
    ".Trash-1000/files/a.jpg",
    "__MACOSX/minji/._a.jpg",
)
OTHER = (
    *("a.json", "a.xmp", "a.AAE", "a.MOV", "a.mp4", "a.txt", "a.csv", "minji/desktop.ini"),
    *("a.xml", "Thumbs.db", "a.jpg.json"),
)
HIDDEN = (".DS_Store", "minji/._a.jpg", ".git/config.jpg")
PHOTOS = ("a.jpg", "minji/a.jpg", "minji/recycle/a.jpg", "no-suffix", "page.html")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (*SYSTEM, *OTHER, *HIDDEN, *PHOTOS):
        path = tmp_path / "family" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"content")
    return tmp_path / "family"


def listing(source: Path) -> Listing:
    with sources.open_source(source) as opened:
        return opened.listing()


def test_system_folders_and_sidecars_are_counted_not_read(folder: Path) -> None:
    as_zip = Path(shutil.make_archive(str(folder), "zip", folder))
    for source in (folder, as_zip):
        found = listing(source)
        assert sorted(entry.name for entry in found.entries) == sorted(PHOTOS)
        assert found.system_files == len(SYSTEM)
        assert found.other_files == len(OTHER)
        assert found.encoding is None


def test_a_system_folder_may_be_given_itself(folder: Path) -> None:
    assert [entry.name for entry in listing(folder / "#recycle").entries] == ["a.jpg"]


def test_backslashes_separate_and_folders_are_no_files(tmp_path: Path) -> None:
    members = {
        "set\\minji\\": b"",
        "set\\minji\\a.jpg": b"one",
        "set/jisoo/": b"",
        "set\\b.txt": b"x",
    }
    found = listing(zip_of(tmp_path / "net.zip", members))
    assert [entry.name for entry in found.entries] == ["set/minji/a.jpg"]
    assert found.other_files == 1
    with sources.open_source(tmp_path / "net.zip") as opened:
        assert opened.read(opened.entries()[0]) == b"one"


def test_members_of_the_same_name_are_all_listed(tmp_path: Path) -> None:
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the second name
        for content in (b"first", b"second"):
            archive.writestr("minji/a.jpg", content)
    with sources.open_source(path) as source:
        shadowed, read = source.entries()
        assert source.read(read) == b"second"
    assert (shadowed.name, read.name) == ("minji/a (at 0).jpg", "minji/a.jpg")
    assert str(shadowed.flaw) == "the zip has another file of the same name"
    assert read.flaw is None
