"""The run directory: its files, its state, and its lock."""

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroceleb import file_lock
from neuroceleb.data.faces.manifest import FaceSet
from neuroceleb.errors import UserError
from neuroceleb.runs import device_lock, evaluation, jobs
from neuroceleb.runs import run as run_module
from neuroceleb.runs.process import identity
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace, create_run
from tests import helpers


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.fixture
def run(workspace: Workspace) -> Run:
    return create_run(workspace, "first", {"settings": {}})


# Contents ----------------------------------------------------------------------------------


def test_epochs_are_read_from_names_in_order_of_numbers(run: Run) -> None:
    for epoch in (1000, 2, 10):
        run.sheet_file(epoch).touch()
        run.weights_file(epoch).touch()
    run.sheet_file(3, "webp").touch()
    for name in (
        "fake_samples_epoch_1.png",
        "fake_samples_epoch_004.gif",
        "netG_epoch_005.pth",
        ".netG_epoch_006.safetensors.1-a.tmp",
        "netG_epoch_007.safetensors.bak",
    ):
        (run.path / name).touch()
    assert list(run.sheets()) == [2, 3, 10, 1000]
    assert run.sheets()[3].name == "fake_samples_epoch_003.webp"
    assert list(run.kept()) == [2, 10, 1000]
    assert run.weights() == run.path / "netG_epoch_1000.safetensors"
    assert run.weights(2) == run.path / "netG_epoch_002.safetensors"
    with pytest.raises(UserError, match="kept no epoch 3: it kept 2, 10, 1000"):
        run.weights(3)


def test_a_run_without_weights(workspace: Workspace, run: Run) -> None:
    with pytest.raises(UserError, match="'first' has kept no weights yet"):
        workspace.weights("first")
    assert Run(workspace.root / "gone").kept() == {}


# Configuration and state -------------------------------------------------------------------


def test_a_config_that_cannot_be_read_is_named(run: Run) -> None:
    for text in ("", "[1]", '{"settings"', "\udcff"):
        (run.path / "config.json").write_bytes(text.encode("utf-8", "surrogateescape"))
        with pytest.raises(UserError, match=r"config\.json is damaged"):
            run.config()


@pytest.mark.parametrize(
    ("dataset", "path", "fingerprint"),
    [
        ({"path": "faces", "fingerprint": "abc"}, "faces", "abc"),
        ({"path": "", "fingerprint": 3}, None, None),
        ({}, None, None),  # an imported run
        ("faces", None, None),
    ],
)
def test_the_dataset_of_a_run(
    dataset: object, path: str | None, fingerprint: str | None, workspace: Workspace
) -> None:
    run = create_run(workspace, "one", {"dataset": dataset})
    assert (run.dataset_path(), run.dataset_fingerprint()) == (path, fingerprint)
    assert create_run(workspace, "two", {}).dataset_path() is None


def test_a_record_too_large_is_not_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "MAX_RECORD_BYTES", 10)
    with pytest.raises(UserError, match="damaged"):
        run.config()


@pytest.mark.parametrize("state", ["starting", "running", "stopping"])
def test_a_run_is_active_if_it_is_locked_and_has_a_heartbeat(run: Run, state: str) -> None:
    beat = {"state": state, "heartbeat": time.time()}
    run.write_status(beat)
    assert run.state() == "lost"  # its process is gone
    with run.locked():
        assert run.state() == state
        run.write_status({**beat, "heartbeat": time.time() - 31})
        assert run.state() == "lost"  # its process hangs
        run.write_status({"state": state})
        assert run.state() == "lost"
    run.write_status(beat)
    assert run.state() == "lost"


def test_a_run_that_ends_while_its_state_is_read_is_not_lost(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.write_status({"state": "running", "heartbeat": time.time()})

    def ended(_: Run) -> bool:
        run.write_status({"state": "finished"})
        return False

    monkeypatch.setattr(Run, "is_locked", ended)
    assert run.state() == "finished"


@pytest.mark.parametrize("state", ["queued", "stopped", "finished", "failed"])
def test_an_inactive_run_needs_no_heartbeat(run: Run, state: str) -> None:
    run.write_status({"state": state, "epoch": 3})
    assert run.status() == {"state": state, "epoch": 3}


def test_a_run_without_a_status_is_stopped(run: Run) -> None:
    assert run.state() == "stopped"


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", '{"state": "dancing"}', '{"state": ["running"]}', '{"state": {}}'),
        *('{"state": "running", "heartbeat": "now"}', '{"state": "stopped", "epoch": NaN}'),
        *('{"state": "stopped", "epoch": 1e999}', '{"state": "stopped", "epoch": 1.5}'),
        '{"more": ' + "[" * 50_000 + "]" * 50_000 + "}",
        '{"more": ' + "[" * 30 + "]" * 30 + "}",
    ],
    ids=range(12),
)
def test_a_damaged_status_is_reported_and_decides_nothing(run: Run, text: str) -> None:
    (run.path / "status.json").write_text(text)
    status = run.status()
    assert status["state"] == "damaged"
    assert "status.json is damaged" in status["message"]
    assert run.damage() == [status["message"]]
    with pytest.raises(UserError, match=r"status\.json is damaged"):
        jobs.resume(Workspace(run.path.parents[1]), "first")


def test_a_lone_surrogate_in_a_status_is_replaced(run: Run) -> None:
    (run.path / "status.json").write_text(r'{"state": "failed", "message": "no \udc80.jpg 😀"}')
    assert run.status() == {"state": "failed", "message": "no ?.jpg 😀"}


def test_the_path_of_a_dataset_keeps_bytes_that_are_no_text(workspace: Workspace) -> None:
    name = "faces-" + chr(0xDC80)
    run = create_run(workspace, "one", {"dataset": {"path": name}})
    assert run.dataset_path() == name


def test_links_and_pipes_are_not_read(run: Run, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.json").write_text('{"state": "finished"}')
    (run.path / "status.json").symlink_to(tmp_path / "elsewhere.json")
    assert "it is a symbolic link" in run.status()["message"]
    (run.path / "status.json").unlink()
    os.mkfifo(run.path / "status.json")
    assert "it is not a regular file" in run.status()["message"]
    (run.path / "stats.jsonl").symlink_to("/dev/zero")
    assert run.stats() == []
    assert "symbolic link" in run.damage()[-1]


def test_the_lock_of_a_killed_process_is_released(run: Run) -> None:
    code = (
        "import sys, time; from pathlib import Path; from neuroceleb.runs.run import Run\n"
        "run = Run(Path(sys.argv[1]))\n"
        "with run.locked():\n"
        "    run.write_status({'state': 'running', 'heartbeat': time.time()})\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, run.path],
        env=helpers.environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert run.is_locked()
        assert run.state() == "running"
        with (
            pytest.raises(UserError, match="'first' is running in another process"),
            run.locked(),
        ):
            pytest.fail("two processes hold one run")
        process.send_signal(signal.SIGKILL)
    assert not run.is_locked()
    assert run.state() == "lost"
    with run.locked():
        assert run.is_locked()


def test_a_suspended_training_is_suspended_and_resuming_says_so(run: Run) -> None:
    code = (
        "import sys, time; from pathlib import Path; from neuroceleb.runs.run import Run\n"
        "with Run(Path(sys.argv[1])).locked(): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, run.path], env=helpers.environment(), stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        run.write_status({"state": "running", **identity(process.pid), "heartbeat": 1.0})
        assert run.state() == "lost"
        process.send_signal(signal.SIGSTOP)
        helpers.wait_for(lambda: run.state() == "suspended")
        with pytest.raises(UserError, match=f"is suspended: .*kill -CONT {process.pid}"):
            jobs.resume(Workspace(run.path.parents[1]), "first")
        process.kill()


@pytest.mark.parametrize("number", [errno.ENOTSUP, errno.ENOLCK, errno.EBADF])
def test_a_file_system_without_locks_is_a_sentence(
    run: Run, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(*_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(file_lock.fcntl, "flock", unsupported)
    run.write_status({"state": "finished"})
    assert run.state() == "finished"
    assert not run.is_locked()
    workspace = Workspace(run.path.parents[1])
    assert device_lock.holder(workspace, "cpu") is None
    opened = len(os.listdir("/proc/self/fd"))
    for attempt in (
        lambda: jobs.resume(workspace, "first"),
        lambda: run.locked().__enter__(),
        lambda: device_lock.acquire(workspace, "cpu", "first"),
        lambda: FaceSet(workspace.datasets / "faces").lock().__enter__(),
    ):
        with pytest.raises(UserError, match="is on a file system without file locks"):
            attempt()
    assert len(os.listdir("/proc/self/fd")) == opened


def test_a_lock_is_on_a_descriptor_for_writing_as_nfs_needs_it(run: Run) -> None:
    with run.locked() as lock:
        assert fcntl.fcntl(lock.descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR
        lock.write_config({"settings": {}, "more": 1})
        assert fcntl.fcntl(lock.descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR


def test_reading_the_state_does_not_lock_a_run(run: Run) -> None:
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            run.is_locked()

    lookers = [threading.Thread(target=look) for _ in range(3)]
    for looker in lookers:
        looker.start()
    try:
        for _ in range(20):
            with run.locked():
                assert run.is_locked()
    finally:
        ended.set()
        for looker in lookers:
            looker.join()
    assert not run.is_locked()


# Stats -------------------------------------------------------------------------------------


def row(epoch: int, **more: Any) -> dict[str, Any]:
    return {"epoch": epoch, "loss_d": 1.5, **more}


def test_stats_are_appended_a_line_an_epoch(run: Run) -> None:
    assert run.stats() == []
    for epoch in range(3):
        run.append_stats(row(epoch))
    lines = (run.path / "stats.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [row(0), row(1), row(2)]
    assert run.stats() == [row(0), row(1), row(2)]


@pytest.mark.parametrize(
    "tail", ['{"epoch": 1, "lo', '{"epoch": 1, "loss_d": 1.5}', "\n", "{}\n", "[]\n", "nonsense\n"]
)
def test_an_unfinished_or_damaged_line_is_skipped(run: Run, tail: str) -> None:
    run.append_stats(row(0))
    with (run.path / "stats.jsonl").open("a") as file:
        file.write(tail)
    assert run.stats() == [row(0)]


def test_bytes_that_are_no_text_are_skipped(run: Run) -> None:
    run.append_stats(row(0))
    with (run.path / "stats.jsonl").open("ab") as file:
        file.write(b"\xff\xfe\0\n")
    run.append_stats(row(1))
    assert run.stats() == [row(0), row(1)]


def test_a_line_of_300_megabytes_is_skipped_in_little_memory(run: Run) -> None:
    run.append_stats(row(0))
    with (run.path / "stats.jsonl").open("ab") as file:
        file.truncate(300 * 2**20)  # zeros: a sparse file
        file.seek(0, os.SEEK_END)
        file.write(b"\n")
    tracemalloc.start()
    assert run.stats() == [row(0)]
    assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    tracemalloc.stop()
    assert "stats.jsonl is damaged (it is over 256 MB)" in run.damage()[0]


def test_a_figure_that_is_nan_is_none(run: Run) -> None:
    run.append_stats(row(0, loss_g=float("nan")))
    with (run.path / "stats.jsonl").open("a") as file:
        file.write('{"epoch": 1, "loss_g": NaN}\n')
    assert [found["loss_g"] for found in run.stats()] == [None, None]
    assert run.damage() == []


@pytest.mark.parametrize(
    "line", ['{"epoch": true}', '{"epoch": 1e30}', '{"epoch": ' + "9" * 30 + "}", "[" * 9_999]
)
def test_a_row_of_other_types_is_skipped_and_reported(run: Run, line: str) -> None:
    with (run.path / "stats.jsonl").open("a") as file:
        file.write(line + "\n")
    run.append_stats(row(1))
    assert run.stats() == [row(1)]
    assert "stats.jsonl is damaged (line 1:" in run.damage()[0]


def test_rewinding_keeps_damaged_lines_aside(run: Run) -> None:
    run.append_stats(row(0))
    with (run.path / "stats.jsonl").open("a") as file:
        file.write("nonsense\n")
    run.append_stats(row(1))
    run.rewind(1)
    assert run.stats() == [row(0)]
    assert "nonsense" in (run.path / "stats.jsonl.damaged").read_text()
    assert "stats.jsonl.damaged" in run.damage()[0]


@given(st.binary(max_size=200))
def test_any_bytes_are_rows_or_nothing(tmp_path_factory: Any, content: bytes) -> None:
    run = Run(tmp_path_factory.mktemp("run"))
    (run.path / "stats.jsonl").write_bytes(content)
    assert all(isinstance(found["epoch"], int) for found in run.stats())


def test_rewind_deletes_what_will_be_repeated(run: Run) -> None:
    for epoch in range(4):
        run.append_stats(row(epoch))
        run.sheet_file(epoch).touch()
        run.weights_file(epoch).touch()
    with (run.path / "stats.jsonl").open("a") as file:
        file.write('{"epoch": 4, "unfini')
    run.rewind(2)
    assert run.stats() == [row(0), row(1)]
    assert list(run.sheets()) == list(run.kept()) == [0, 1]
    run.append_stats(row(2))
    assert run.stats() == [row(0), row(1), row(2)]


# A reader while the trainer writes ---------------------------------------------------------


def write_many(run: Run, write: Callable[[int], None], read: Callable[[], None]) -> None:
    """Read again and again while another thread writes."""
    writer = threading.Thread(target=lambda: [write(turn) for turn in range(60)])
    write(0)
    writer.start()
    while writer.is_alive():
        read()
    writer.join()


def test_a_reader_never_sees_half_a_status(run: Run) -> None:
    filling = "x" * 50_000

    def write(turn: int) -> None:
        run.write_status({"state": "finished", "epoch": turn, "message": filling})

    def read() -> None:
        assert run.status()["message"] == filling

    write_many(run, write, read)


def test_a_reader_never_sees_half_a_row(run: Run) -> None:
    filling = "x" * 100_000
    written = iter(range(1_000))

    def read() -> None:
        rows = run.stats()
        assert [row["epoch"] for row in rows] == list(range(len(rows)))
        assert all(row["filling"] == filling for row in rows)

    write_many(run, lambda _: run.append_stats(row(next(written), filling=filling)), read)


def test_a_damaged_evaluation_is_reported_and_read_as_none(tmp_path: Path) -> None:
    run = create_run(Workspace(tmp_path), "mine", {})
    (run.path / "evaluation.json").write_text('{"epochs": {"0": {"swd": {"mean": NaN}}}}')
    assert evaluation.readable(run.path) == {}
    (error,) = run.damaged()
    assert error.path.name == "evaluation.json"
    assert run.damage() == [str(error)]


def test_a_status_far_larger_than_any_of_ours_is_damaged(tmp_path: Path) -> None:
    run = create_run(Workspace(tmp_path), "one", {})
    run.write_status({"state": "stopped", "message": "x" * 100_000})
    found = run.status()
    assert found["state"] == "damaged"
    assert len(found["message"]) < 1_000
