"""Atomic writes, and the temporary files of killed processes."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from neuroceleb import files
from neuroceleb.errors import UserError
from tests import helpers


def test_bytes_are_written_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    files.write_bytes(path, b"one")
    files.write_bytes(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with (
        pytest.raises(RuntimeError, match="half-way"),
        files.replacing(path) as temporary,
    ):
        temporary.write_bytes(b"ne")
        raise RuntimeError("half-way")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="could not be written"):
        files.write_bytes(tmp_path / "nowhere" / "a.bin", b"x")


def test_a_folder_of_that_name_is_a_user_error(tmp_path: Path) -> None:
    (tmp_path / "a.bin").mkdir()
    with pytest.raises(UserError, match=r"a\.bin could not be written"):
        files.write_bytes(tmp_path / "a.bin", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


def test_a_full_disk_is_a_user_error_and_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    code = (
        "import resource, sys; from pathlib import Path; from neuroceleb import errors, files\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: files.write_bytes(Path(sys.argv[1]), bytes(5000))\n"
        "except errors.UserError as error: print(error)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, path],
        env=helpers.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "could not be written (File too large)" in result.stdout
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_json_is_readable_text(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a.json", {"name": "얼굴", "n": 1})
    text = (tmp_path / "a.json").read_text("utf-8")
    assert "얼굴" in text
    assert json.loads(text) == {"name": "얼굴", "n": 1}


def test_undecodable_file_names_pass_through_json(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff.png")
    files.write_json(tmp_path / "a.json", [name])
    assert json.loads((tmp_path / "a.json").read_text("utf-8")) == [name]


def test_leftovers_of_a_killed_process_are_removed_and_nothing_else(tmp_path: Path) -> None:
    for name in (".state.pt.123-abcd.tmp", "state.pt", ".hidden", "notes.tmp"):
        (tmp_path / name).touch()
    files.remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"state.pt", ".hidden", "notes.tmp"}


def test_a_device_a_pipe_or_a_folder_is_never_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for path in (tmp_path / "pipe", tmp_path / "link", tmp_path, Path(), Path("/")):
        with pytest.raises(UserError, match="name a file"):
            files.write_bytes(path, b"x")
    assert (tmp_path / "pipe").is_fifo()
    assert len(list(tmp_path.iterdir())) == 2


def test_a_link_to_a_file_or_to_nothing_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    for name in ("file", "nothing", "circle"):
        link = tmp_path / f"to {name}"
        link.symlink_to(f"to {name}" if name == "circle" else name)
        files.write_bytes(link, b"new")
        assert link.read_bytes() == b"new"
    assert (tmp_path / "file").read_bytes() == b"old"


def test_only_a_regular_file_is_opened_for_writing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"other")
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "."):
        for appends in (True, False):
            with pytest.raises(OSError), files.open_to_write(tmp_path / name, appends):
                pass
    assert (tmp_path / "file").read_bytes() == b"other"
    with files.open_to_write(tmp_path / "file", appends=True) as file:
        file.write(b" end")
    assert (tmp_path / "file").read_bytes() == b"other end"
    with files.open_to_write(tmp_path / "file") as file:
        file.write(b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_which_errors_a_person_can_fix(tmp_path: Path) -> None:
    full = files.user_error_of(OSError(errno.ENOSPC, "No space left on device", "a.bin"))
    assert isinstance(full, files.DiskFullError)
    with pytest.raises(OSError) as too_long:
        (tmp_path / ("a" * 300)).stat()
    assert "File name too long" in str(files.user_error_of(too_long.value))
    for bug in (
        OSError(errno.ENOSPC, "No space"),
        FileNotFoundError(errno.ENOENT, "", "a"),
        KeyError(),
    ):
        assert files.user_error_of(bug) is None
