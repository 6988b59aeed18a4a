"""Disk space kept for a run's last files."""

import errno
import time
from pathlib import Path

import pytest

from neuroceleb import files
from neuroceleb.errors import UserError
from neuroceleb.files import DiskFullError
from neuroceleb.runs.reserve import FILE, Reserve
from neuroceleb.runs.run import Run
from neuroceleb.runs.status import Heartbeat


def test_space_is_reserved_for_the_length_of_the_run(tmp_path: Path) -> None:
    with Reserve(Run(tmp_path)):
        assert (tmp_path / FILE).stat().st_size > 0
    assert list(tmp_path.iterdir()) == []
    with Reserve(Run(tmp_path / "nowhere")), Reserve(None):
        pass


def test_it_is_given_up_once_with_the_older_state(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.older_state_file.write_bytes(b"older")
    tries: list[bool] = []

    def write() -> None:
        tries.append((tmp_path / FILE).exists())
        if tries[-1] or len(tries) > 2:
            raise files.not_written(tmp_path, OSError(errno.ENOSPC, "No space left on device"))

    with Reserve(run) as reserve:
        run.state_file.write_bytes(b"newest")
        reserve.writing(write)
        assert tries == [True, False]
        assert reserve.is_given_up
        assert not run.older_state_file.exists()
        assert run.state_file.exists()
        with pytest.raises(DiskFullError):
            reserve.writing(write)


def test_the_only_state_is_never_given_up(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.older_state_file.write_bytes(b"older")

    def write() -> None:
        raise files.not_written(tmp_path, OSError(errno.EDQUOT, "Disk quota exceeded"))

    with Reserve(run) as reserve, pytest.raises(DiskFullError):
        reserve.writing(write)
    assert run.older_state_file.exists()


def test_another_error_gives_nothing_up(tmp_path: Path) -> None:
    def write() -> None:
        raise files.not_written(tmp_path, OSError(errno.EROFS, "Read-only file system"))

    with Reserve(Run(tmp_path)) as reserve:
        with pytest.raises(UserError, match="Read-only"):
            reserve.writing(write)
        assert not reserve.is_given_up


def test_a_heartbeat_gives_it_up_for_the_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path)
    write_bytes = files.write_bytes

    def until_freed(path: Path, data: bytes) -> None:
        if (tmp_path / FILE).exists():
            raise files.not_written(path, OSError(errno.ENOSPC, "No space left on device"))
        write_bytes(path, data)

    with Heartbeat(run) as heartbeat:
        monkeypatch.setattr(files, "write_bytes", until_freed)
        heartbeat.update(state="running", epoch=7)
        assert heartbeat.reserve.is_given_up
        assert run.readable_status()["epoch"] == 7
        assert time.time() - run.readable_status()["heartbeat"] < 60


def test_a_link_of_that_name_is_not_followed(tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    run.path.mkdir()
    (tmp_path / "thesis").write_bytes(b"years of work")
    for path in (run.path / FILE, run.path / "stats.jsonl"):
        path.symlink_to(tmp_path / "thesis")
    with Reserve(run), pytest.raises(UserError, match=r"stats\.jsonl could not be written"):
        run.append_stats({"epoch": 0})
    assert (tmp_path / "thesis").read_bytes() == b"years of work"
