"""The identity of a training process, and that no other process is killed."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from neuroceleb.errors import UserError
from neuroceleb.runs import process as processes
from tests import helpers


def holder_of(path: Path, *words: str) -> subprocess.Popen[bytes]:
    """A process that has this file open, with these words in its command line."""
    code = f"f = open({str(path)!r}); print(flush=True); import time; time.sleep(600)"
    return subprocess.Popen([sys.executable, "-c", code, *words], stdout=subprocess.PIPE)


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        yield process
        assert process.poll() is None, "the stranger was killed"
        process.kill()


def test_a_number_given_to_another_process_is_not_killed(
    stranger: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    locked = tmp_path / "config.json"
    locked.touch()
    now = processes.identity(stranger.pid)
    assert {"pid", "start_ticks", "boot_id"} == set(now)
    for status in (
        {"pid": stranger.pid},
        now,  # the very process, but it does not hold the file
        {**now, "start_ticks": now["start_ticks"] - 1},
        {**now, "boot_id": "another"},
    ):
        with pytest.raises(UserError, match="left alone"):
            processes.kill(status, locked)


def test_the_right_process_is_killed_only_with_the_right_identity(tmp_path: Path) -> None:
    locked = tmp_path / "config.json"
    locked.touch()
    with holder_of(locked, "neuroceleb", "train") as process:
        assert process.stdout is not None
        process.stdout.readline()
        now = processes.identity(process.pid)
        with pytest.raises(UserError, match="left alone"):
            processes.kill({**now, "start_ticks": now["start_ticks"] + 1}, locked)
        assert process.poll() is None
        processes.kill(now, locked)
        assert process.wait(10) == -signal.SIGKILL
    with pytest.raises(UserError, match="left alone"):
        processes.kill(now, locked)


@pytest.mark.parametrize("words", [(), ("neuroceleb", "serve"), ("tar", "train")])
def test_a_made_up_status_kills_no_process_of_another_kind(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    """Even one that has the run's config.json open at this moment."""
    locked = tmp_path / "config.json"
    locked.touch()
    with holder_of(locked, *words) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(UserError, match="left alone"):
            processes.kill(processes.identity(process.pid), locked)
        assert process.poll() is None
        process.kill()


def test_a_status_without_the_whole_identity_kills_nothing(tmp_path: Path) -> None:
    locked = tmp_path / "config.json"
    locked.touch()
    with holder_of(locked, "neuroceleb", "train") as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(UserError, match="left alone"):
            processes.kill({"pid": process.pid}, locked)
        assert process.poll() is None
        process.kill()


def test_a_suspended_process(
    stranger: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = processes.identity(stranger.pid)
    assert not processes.is_suspended(now)
    stranger.send_signal(signal.SIGSTOP)
    helpers.wait_for(lambda: processes.is_suspended(now))
    assert not processes.is_suspended({**now, "start_ticks": now["start_ticks"] - 1})
    assert not processes.is_suspended({})
    monkeypatch.setattr(processes, "PROC", Path("/nowhere"))  # another system: `ps` says it
    if shutil.which("ps"):
        assert processes.is_suspended({"pid": stranger.pid})
    stranger.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("pid", [None, "7", True, 0, 1, -1])
def test_no_number_is_no_process(pid: object, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="which process"):
        processes.kill({"pid": pid}, tmp_path)
