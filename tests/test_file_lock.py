"""Locks on files, between processes."""

import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from neuroceleb import file_lock, large_pictures
from neuroceleb.errors import Message, UserError
from neuroceleb.runs.workspace import Workspace, create_run
from tests import helpers

BUSY = Message("It is in use: wait.")
HOLD = """
import sys, time
from pathlib import Path
from neuroceleb import file_lock, large_pictures
from neuroceleb.errors import Message
with file_lock.held(Path(sys.argv[1]), Message("busy")):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_is_held_by_one_process_and_released_when_it_dies(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    assert not file_lock.is_held(path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, path], env=helpers.environment(), stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert file_lock.is_held(path)
        with pytest.raises(UserError, match="It is in use"), file_lock.held(path, BUSY):
            pytest.fail("two processes hold one lock")
        process.kill()
    assert not file_lock.is_held(path)
    with file_lock.held(path, BUSY):
        assert file_lock.is_held(path)
    with pytest.raises(UserError, match="could not be written"):
        file_lock.held(tmp_path / "nowhere" / "x", BUSY).__enter__()


# What a file system or a system without locks does, in a process of its own.
WITHOUT = """
import errno, os, sys
if sys.argv[2] == "none":
    sys.modules["fcntl"] = None
else:
    import fcntl
    number = getattr(errno, sys.argv[2])
    def unsupported(*_):
        raise OSError(number, os.strerror(number))
    fcntl.flock = unsupported
from pathlib import Path
from neuroceleb.data.faces.manifest import FaceSet
from neuroceleb.errors import Message, UserError
from neuroceleb import decoding, file_lock
from neuroceleb.runs import device_lock, queue
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace
workspace = Workspace(Path(sys.argv[1]))
run = Run(workspace.checkpoints / "first")
ways = {
    "batch": lambda: file_lock.held(workspace.root / ".lock", Message("busy")).__enter__(),
    "dataset": lambda: FaceSet(workspace.datasets / "mine").lock().__enter__(),
    "device": lambda: device_lock.acquire(workspace, "cpu", "first"),
    "queue": lambda: queue.locked(workspace).__enter__(),
    "run": lambda: run.locked().__enter__(),
}
for name, attempt in ways.items():
    try:
        attempt()
        print(name, "was locked")
    except UserError as error:
        print(name, error)
print(run.state(), run.is_locked(), file_lock.is_held(workspace.root / ".lock"))
"""


@pytest.mark.parametrize(
    "number",
    [*(pytest.param(name, marks=pytest.mark.slow) for name in ("ENOTSUP", "ENOLCK")), "none"],
)
def test_without_locks_two_processes_get_a_sentence_each(number: str, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    run = create_run(workspace, "first", {"dataset": {"path": "mine"}})
    run.write_status({"state": "finished"})
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WITHOUT, tmp_path, number],
            env=helpers.environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        *sentences, state = process.communicate(timeout=helpers.PATIENCE_S)[0].splitlines()
        assert [line.split()[0] for line in sentences] == [
            *("batch", "dataset", "device", "queue", "run")
        ]
        assert all("file locks" in line for line in sentences), sentences
        assert state == "finished False False"
        assert process.returncode == 0


def test_large_pictures_are_decoded_without_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(file_lock, "fcntl", None)
    with large_pictures.turn():
        assert large_pictures.lock_file().exists()


def test_looking_at_a_lock_does_not_take_it(tmp_path: Path) -> None:
    path, done = tmp_path / ".lock", threading.Event()
    path.touch()

    def look() -> None:
        while not done.is_set():
            file_lock.is_held(path)

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(200):
            with file_lock.held(path, BUSY):
                pass
    finally:
        done.set()
        for thread in threads:
            thread.join()
