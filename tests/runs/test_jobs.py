"""Background trainings: started, stopped, killed, resumed, renamed and deleted for real."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from neuroceleb.errors import UserError
from neuroceleb.runs import jobs, queue, trash
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace, create_run
from neuroceleb.settings import Settings
from tests import helpers

LONG = 100_000  # epochs: it never ends by itself


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A workspace whose trainings are ended after the test."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    made = Workspace(tmp_path)
    made.checkpoints.mkdir()
    yield made
    for waiting in queue.entries(made):
        waiting.path.unlink(missing_ok=True)
    for run in made.runs():
        run.stop_file.touch()
    for run in made.runs():
        assert jobs.wait_for_end(run, helpers.PATIENCE_S)


def config(workspace: Workspace, photos: Path, epochs: int) -> dict[str, object]:
    settings = Settings.checked(ngf=4, ndf=4, nz=8, batch_size=8, device="cpu", epochs=epochs)
    return jobs.new_config(workspace, photos, settings)


@pytest.fixture
def start(workspace: Workspace, photos: Path) -> Callable[..., Run]:
    def start_run(name: str, epochs: int = LONG) -> Run:
        return jobs.start(workspace, name, config(workspace, photos, epochs))

    return start_run


def until(run: Run, *states: str) -> None:
    helpers.wait_for(lambda: run.state() in states)


def until_trained(run: Run) -> None:
    helpers.wait_for(lambda: len(run.stats()) > 0)


@pytest.mark.slow
def test_a_run_is_started_stopped_resumed_and_finished(
    workspace: Workspace, start: Callable[..., Run]
) -> None:
    run = start("one")
    assert run.state() == "starting"
    assert run.is_locked()
    until_trained(run)
    status = run.status()
    assert os.getsid(status["pid"]) == status["pid"]  # a session of its own: no terminal's signals
    assert status["device"] == "CPU"
    assert status["memory_mb"] > 0
    assert run.config()["dataset"]["count"] == helpers.PHOTOS
    assert "torch" in run.config()["versions"]
    assert run.is_locked()  # also after its config.json was completed

    jobs.stop(workspace, "one")
    until(run, "stopped")
    done = run.status()["epoch"]
    jobs.resume(workspace, "one", epochs=done + 2)
    until(run, "finished")
    assert [row["epoch"] for row in run.stats()] == list(range(done + 2))
    assert any("Resuming 'one'" in line for line in jobs.log_tail(run))
    with pytest.raises(UserError, match="finished"):
        jobs.resume(workspace, "one")


def test_fewer_epochs_than_are_done_are_refused_and_nothing_changes(workspace: Workspace) -> None:
    run = create_run(workspace, "one", {"settings": {}, "dataset": {"path": "photos"}})
    run.write_status({"state": "stopped", "epoch": 9, "epochs": 30})
    with pytest.raises(UserError, match="--epochs 8 is less than the 9"):
        jobs.resume(workspace, "one", epochs=8)
    assert run.readable_status() == {"state": "stopped", "epoch": 9, "epochs": 30}


@pytest.mark.slow
def test_a_background_run_is_the_command_lines_run(
    workspace: Workspace, start: Callable[..., Run], finished: Run
) -> None:
    run = start("first", helpers.EPOCHS)
    until(run, "finished")
    assert helpers.timeless(run) == helpers.timeless(finished)


@pytest.mark.slow
def test_a_killed_training_is_lost_at_once_and_can_be_resumed(
    workspace: Workspace, start: Callable[..., Run]
) -> None:
    run = start("one")
    until_trained(run)
    os.kill(run.status()["pid"], signal.SIGKILL)
    began = time.monotonic()
    until(run, "lost")
    assert time.monotonic() - began < 5
    with pytest.raises(UserError, match="not running"):
        jobs.stop(workspace, "one")
    jobs.resume(workspace, "one", epochs=2)
    until(run, "finished")


@pytest.mark.slow
def test_a_hung_training_is_ended_by_force_after_the_grace_time(
    workspace: Workspace, start: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start("one")
    until_trained(run)
    os.kill(run.status()["pid"], signal.SIGSTOP)
    with pytest.raises(UserError, match="stop it first"):
        jobs.force_stop(workspace, "one")
    jobs.stop(workspace, "one")
    with pytest.raises(UserError, match="may still end by itself"):
        jobs.force_stop(workspace, "one")
    monkeypatch.setattr(jobs, "GRACE_S", 0.0)
    jobs.force_stop(workspace, "one")
    assert run.state() == "stopped"
    assert "force" in run.status()["message"]
    assert not run.stop_file.exists()


@pytest.mark.slow
def test_a_training_that_cannot_start_reports_why(
    workspace: Workspace, start: Callable[..., Run], photos: Path, tmp_path: Path
) -> None:
    gone = helpers.write_photos(tmp_path / "gone", 1)
    run = jobs.start(workspace, "one", config(workspace, gone, 1))
    os.kill(pid_of_child(run), signal.SIGSTOP)  # while it still imports, its photos are deleted
    (gone / "000.png").unlink()
    gone.rmdir()
    os.kill(pid_of_child(run), signal.SIGCONT)
    until(run, "failed")
    assert "There is no dataset" in run.status()["message"]
    assert not any("Traceback" in line for line in jobs.log_tail(run))


def pid_of_child(run: Run) -> int:
    """The process that holds the run's lock, before it has written its status."""
    helpers.wait_for(lambda: _holder(run) is not None)
    holder = _holder(run)
    assert holder is not None
    return holder


def _holder(run: Run) -> int | None:
    wanted = (run.path / "config.json").stat()
    for folder in Path("/proc").glob("[0-9]*"):
        if int(folder.name) != os.getpid():
            try:
                if any(os.path.samestat(link.stat(), wanted) for link in (folder / "fd").iterdir()):
                    return int(folder.name)
            except OSError:  # it opens and closes files
                continue
    return None


# Renaming and deleting ----------------------------------------------------------------------


def made(workspace: Workspace, name: str) -> Run:
    run = Run(workspace.checkpoints / name)
    run.path.mkdir(parents=True)
    settings = Settings.checked(ngf=4, ndf=4, device="cpu")
    text = json.dumps({"settings": settings.to_json(), "dataset": {"path": "photos"}})
    (run.path / "config.json").write_text(text)
    run.write_status({"state": "stopped", "epoch": 3, "epochs": 9})
    return run


def test_rename_and_delete(workspace: Workspace) -> None:
    made(workspace, "one")
    jobs.rename(workspace, "one", "둘")
    assert [run.name for run in workspace.runs()] == ["둘"]
    made(workspace, "one")
    with pytest.raises(UserError, match="already"):
        jobs.rename(workspace, "one", "둘")
    with pytest.raises(UserError, match="not a name"):
        jobs.rename(workspace, "one", "../two")
    jobs.delete(workspace, "one")
    assert [path.name for path in workspace.checkpoints.iterdir()] == [".queue", "둘"]
    assert [one.name for one in trash.entries(workspace)] == ["one"]


def test_a_shipped_run_is_not_deleted(workspace: Workspace) -> None:
    run = create_run(workspace, "shipped", {"settings": {}, "shipped": {"start": True}})
    with pytest.raises(UserError, match="ships with Neuro-celeb"):
        jobs.delete(workspace, "shipped")
    assert run.exists()


def test_an_active_run_is_neither_renamed_nor_deleted(workspace: Workspace) -> None:
    run = made(workspace, "one")
    with run.locked():
        for act in (
            lambda: jobs.rename(workspace, "one", "two"),
            lambda: jobs.delete(workspace, "one"),
            lambda: jobs.resume(workspace, "one"),
        ):
            with pytest.raises(UserError, match="is running"):
                act()
    assert run.exists()


def test_a_run_whose_process_is_still_exiting_is_waited_for(workspace: Workspace) -> None:
    run = made(workspace, "one")
    run.write_status({"state": "stopped", "pid": os.getpid()})
    with ExitStack() as stack:
        stack.enter_context(run.locked())
        exits = threading.Timer(1.5, stack.pop_all().close)  # a refusal comes after a second
        exits.start()
        assert jobs.rename(workspace, "one", "two").exists()
        exits.join()


def test_a_link_to_a_run_is_deleted_and_not_what_it_points_to(
    workspace: Workspace, tmp_path: Path
) -> None:
    elsewhere = made(Workspace(tmp_path / "elsewhere"), "one")
    (workspace.checkpoints / "link").symlink_to(elsewhere.path)
    jobs.delete(workspace, "link")
    assert elsewhere.exists()
    assert workspace.runs() == []


def test_config_is_replaced_without_releasing_the_lock(workspace: Workspace) -> None:
    run = made(workspace, "one")
    with run.locked() as lock:
        lock.write_config({"settings": {}})
        assert run.is_locked()
        with pytest.raises(UserError, match="another process"), run.locked():
            pass
    assert not run.is_locked()
    assert run.config() == {"settings": {}}


def test_the_end_of_a_long_log(workspace: Workspace) -> None:
    run = made(workspace, "one")
    assert jobs.log_tail(run) == []
    run.log_file.write_bytes(b"\xff\n" + b"".join(b"line %06d\n" % n for n in range(10_000)))
    tail = jobs.log_tail(run, 50)
    assert tail == [f"line {n:06d}" for n in range(9_950, 10_000)]
    assert all(len(line) == 11 for line in jobs.log_tail(run, 10_000))


# Verbs -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_verbs(here: helpers.Here, photos: Path) -> None:
    arguments = ("--epochs", str(LONG), *helpers.TINY)
    queued = here("train", photos, "--run", "one", *arguments, "--queue", "--json")
    assert queued.code == 0, queued.err
    assert json.loads(queued.out)["waits_behind"] is None
    run = helpers.run_of(here.workspace, "one")
    until_trained(run)
    here("train", photos, "--run", "two", *arguments).assert_refused("busy with the run 'one'")
    assert not (here.workspace / "checkpoints" / "two").exists()
    second = here("duplicate", "one", "three", "--epochs", "1", "--json")
    assert json.loads(second.out)["waits_behind"] == 0
    waiting = json.loads(here("queue", "--json").out)["queue"]
    assert waiting == [{"run": "three", "device": "cpu"}]
    assert here("stop", "one").code == 0
    three = helpers.run_of(here.workspace, "three")
    until(three, "finished")
    assert three.config()["settings"]["epochs"] == 1
    assert here("rename", "three", "four").code == 0
    assert here("verdict", "four").out.startswith("Too early")
    assert here("delete", "four", "--yes").code == 0
    assert here("stop", "one").code == 2
    here("verdict", "four").assert_refused("no run 'four'")
