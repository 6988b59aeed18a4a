"""The queue: runs start in order, one at a time, and never twice."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from neuroceleb.errors import UserError
from neuroceleb.runs import device_lock, jobs, launch, queue
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace
from neuroceleb.settings import Settings
from tests import helpers


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    made = Workspace(tmp_path)
    yield made
    for waiting in queue.entries(made):
        waiting.path.unlink(missing_ok=True)
    for run in made.runs():
        run.stop_file.touch()
        assert jobs.wait_for_end(run, helpers.PATIENCE_S)


def start(workspace: Workspace, name: str, photos: Path, epochs: int = 1) -> Run:
    settings = Settings.checked(ngf=4, ndf=4, nz=8, batch_size=8, device="cpu", epochs=epochs)
    config = jobs.new_config(workspace, photos, settings)
    return jobs.start(workspace, name, config)


def names(workspace: Workspace) -> list[str]:
    return [waiting.run.name for waiting in queue.entries(workspace)]


@pytest.mark.slow
def test_runs_wait_in_order_and_start_by_themselves(workspace: Workspace, photos: Path) -> None:
    with device_lock.locked(workspace, "cpu", "other"):
        started = [start(workspace, name, photos) for name in ("b", "a", "c")]
        assert [run.state() for run in started] == ["queued"] * 3
        assert names(workspace) == ["b", "a", "c"]
        assert launch.start_next(workspace) == []
        assert device_lock.holder(workspace, "cpu") == "other"
        assert device_lock.holder(workspace, "cuda") is None
        with pytest.raises(UserError, match="is in the queue already"):
            jobs.resume(workspace, "a")
        jobs.rename(workspace, "a", "d")
        assert names(workspace) == ["b", "d", "c"]
        jobs.stop(workspace, "c")
        assert started[2].state() == "stopped"
        assert [queue.position(workspace, name) for name in ("b", "d", "c")] == [0, 1, None]
    # The first is started here; each one starts the next when it ends.
    assert launch.start_next(workspace) == ["b"]
    last = Run(workspace.checkpoints / "d")
    helpers.wait_for(lambda: last.state() == "finished")
    first = Run(workspace.checkpoints / "b")
    assert first.state() == "finished"
    assert names(workspace) == []
    assert first.status()["heartbeat"] <= last.status()["heartbeat"]


@pytest.mark.slow
def test_two_starters_never_start_one_run_twice(workspace: Workspace, photos: Path) -> None:
    with device_lock.locked(workspace, "cpu", "other"):
        run = start(workspace, "one", photos, epochs=100_000)
        code = (
            "import sys, time; from pathlib import Path; from neuroceleb.runs import launch\n"
            "from neuroceleb.runs.workspace import Workspace; end = time.time() + 6\n"
            "print('up', flush=True); started = []\n"
            "while time.time() < end:\n"
            "    started += launch.start_next(Workspace(Path(sys.argv[1])))\n"
            "print(started)\n"
        )
        pumps = [
            subprocess.Popen(
                [sys.executable, "-c", code, str(workspace.root)],
                env=helpers.environment(),
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(3)
        ]
        for pump in pumps:
            assert pump.stdout is not None
            assert pump.stdout.readline() == "up\n"
    said = [pump.communicate(timeout=helpers.PATIENCE_S)[0].strip() for pump in pumps]
    assert sorted(said) == ["['one']", "[]", "[]"]
    helpers.wait_for(lambda: run.state() == "running")


@pytest.mark.slow
def test_the_queue_survives_a_killed_training(workspace: Workspace, photos: Path) -> None:
    running = start(workspace, "running", photos, epochs=100_000)
    helpers.wait_for(lambda: running.state() == "running")
    waiting = start(workspace, "waiting", photos)
    os.kill(running.status()["pid"], signal.SIGKILL)  # as in a power cut
    helpers.wait_for(lambda: running.state() == "lost")
    assert waiting.state() == "queued"
    outcome = helpers.command(workspace.root, "queue")  # whatever comes later
    assert outcome.code == 0, outcome.err
    helpers.wait_for(lambda: waiting.state() == "finished")
    assert running.state() == "lost"


def test_a_damaged_entry_is_skipped(workspace: Workspace, photos: Path) -> None:
    with device_lock.locked(workspace, "cpu", "other"):
        start(workspace, "one", photos)
        folder = workspace.checkpoints / ".queue"
        (folder / "000000.json").write_text("{")
        (folder / "000007.json").write_text(json.dumps({"run": "../x", "device": "cpu"}))
        (folder / "000008.json").write_text(json.dumps({"run": "x", "device": "/etc"}))
        wrong = {"run": ["x"], "device": {}, "epochs": "many"}
        (folder / "000009.json").write_text(json.dumps(wrong))
        (folder / "000010.json").write_text("[" * 100_000)
        (folder / "000011.json").symlink_to("/dev/zero")
        assert names(workspace) == ["one"]
        assert len(queue.damage(workspace)) == 6
        assert "000009.json is damaged ('run' is not a text)" in queue.damage(workspace)[3]
        start(workspace, "two", photos)
        assert (folder / "000012.json").exists()  # no damaged entry is overwritten
        jobs.delete(workspace, "two")
        jobs.delete(workspace, "one")
    assert launch.start_next(workspace) == []


@pytest.mark.slow
def test_an_entry_of_a_run_that_was_resumed_by_hand_is_removed(
    workspace: Workspace, photos: Path
) -> None:
    with device_lock.locked(workspace, "cpu", "other"):
        run = start(workspace, "one", photos)
    assert helpers.command(workspace.root, "train", "--run", "one", "--resume").code == 0
    assert run.state() == "finished"
    assert names(workspace) == []


def test_an_empty_queue_creates_no_files(tmp_path: Path) -> None:
    assert launch.start_next(Workspace(tmp_path)) == []
    assert list(tmp_path.iterdir()) == []
