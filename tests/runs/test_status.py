"""The heartbeat is written whatever the training process is busy with."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from neuroceleb import decoding
from neuroceleb.data import dataset
from neuroceleb.errors import UserError
from neuroceleb.runs.run import Run, files
from neuroceleb.runs.status import Heartbeat
from neuroceleb.runs.workspace import Workspace, create_run
from neuroceleb.training import step_function
from tests import helpers

LONGEST_S = 2.0


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return create_run(Workspace(tmp_path), "first", {})


@contextmanager
def watching(run: Run) -> Iterator[list[tuple[float, str]]]:
    """Grows by (time of the heartbeat, state) with every beat that a reader sees."""
    beats: list[tuple[float, str]] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.02):
            status = run.status()
            beat = status.get("heartbeat"), status["state"]
            if beat[0] is not None and (not beats or beats[-1] != beat):
                beats.append(beat)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield beats
    finally:
        ended.set()
        watcher.join()


def longest_silence(times: list[float]) -> float:
    return max(later - sooner for sooner, later in pairwise(times))


def test_the_heartbeat_continues_while_python_is_busy(run: Run) -> None:
    with run.locked(), watching(run) as beats, Heartbeat(run, epochs=3):
        end = time.monotonic() + helpers.PATIENCE_S
        while len(beats) < 3 and time.monotonic() < end:
            sum(range(10_000))
    times = [beat for beat, _ in beats]
    assert len(times) >= 3
    assert longest_silence(times) <= LONGEST_S


def test_the_heartbeat_continues_while_decoding_and_between_slow_steps(
    finished: Run, here: helpers.Here, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resumed run whose cache is gone, on a slow disk and a slow processor."""
    outcome = here("train", photos, "--run", "one", "--epochs", "1", *helpers.TINY)
    assert outcome.code == 0, outcome.err
    for path in (here.workspace / "datasets" / ".cache").iterdir():
        path.unlink()
    opened_photo, step = decoding.opened_photo, step_function.train_step
    one_at_a_time = threading.Lock()
    decoded: list[float] = []
    stepped: list[float] = []

    def slow_photo(
        data: bytes, draft_px: int | None = None, limits: decoding.Limits = decoding.OWNER
    ) -> AbstractContextManager[Image.Image]:
        with one_at_a_time:
            time.sleep(0.06)
            decoded.append(time.time())
        return opened_photo(data, draft_px, limits)

    def slow_step(*arguments: object) -> object:
        time.sleep(0.5)
        stepped.append(time.time())
        return step(*arguments)

    monkeypatch.setattr(decoding, "opened_photo", slow_photo)
    monkeypatch.setattr(step_function, "train_step", slow_step)
    run = helpers.run_of(here.workspace, "one")
    with watching(run) as beats:
        began = time.time()
        outcome = here("train", "--run", "one", "--resume", "--epochs", "2")
    assert outcome.code == 0, outcome.err
    decoded = decoded[: helpers.PHOTOS]  # what comes later are sheets
    assert decoded[-1] < stepped[0]
    seen = [(beat, state) for beat, state in beats if beat >= began]
    times = [began, *(beat for beat, _ in seen)]
    assert longest_silence(times) <= LONGEST_S
    while_decoding = [state for beat, state in seen if beat <= decoded[-1]]
    assert len(while_decoding) >= 2
    assert set(while_decoding) == {"starting"}
    while_stepping = [state for beat, state in seen if stepped[0] <= beat <= stepped[-1]]
    assert len(while_stepping) >= 2
    assert set(while_stepping) == {"running"}
    assert {state for _, state in seen} <= {"starting", "running", "finished"}
    assert run.state() == "finished"


def test_a_new_state_is_written_at_once_and_other_fields_by_the_thread(run: Run) -> None:
    with run.locked(), Heartbeat(run, epochs=3) as heartbeat:
        assert run.state() == "starting"
        assert run.status()["pid"] == os.getpid()
        heartbeat.update(state="running", epoch=1)
        assert (run.state(), run.status()["epoch"]) == ("running", 1)
        heartbeat.update(epoch=2)
        helpers.wait_for(lambda: run.status()["epoch"] == 2)
    assert run.status()["epochs"] == 3


def test_a_write_that_fails_is_skipped(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write, full = files.write_json, True

    def sometimes(path: Path, value: object) -> None:
        if full:
            raise UserError("The disk is full.")
        write(path, value)

    monkeypatch.setattr(files, "write_json", sometimes)
    with run.locked(), Heartbeat(run) as heartbeat:
        heartbeat.update(state="running")
        full = False
        helpers.wait_for(lambda: run.state() == "running")


def test_the_thread_ends_with_the_block(run: Run) -> None:
    before = threading.active_count()
    with pytest.raises(RuntimeError, match="the trainer broke"), Heartbeat(run, epochs=3):
        raise RuntimeError("the trainer broke")
    assert threading.active_count() == before


def test_decoding_reports_progress(tmp_path: Path) -> None:
    photos = helpers.write_photos(tmp_path / "photos", 12)
    told: list[float] = []
    dataset.load(photos, Workspace(tmp_path).datasets, lambda *_: told.append(time.monotonic()))
    assert len(told) == 12
    assert told == sorted(told)
