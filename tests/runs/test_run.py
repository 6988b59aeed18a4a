"""The run directory: names, what it tells of a training, and that one process holds it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroceleb.errors import UserError
from neuroceleb.runs import run as run_module
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace, check_name, create_run, default_workspace
from tests import helpers


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.fixture
def run(workspace: Workspace) -> Run:
    return create_run(workspace, "first", {"settings": {}})


# Names -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["a", "faces-2", "My run 3", "얼굴_1", "v1.2+b", "0", "_x", "é", "a" * 80]
)
def test_names_that_are_names(name: str, workspace: Workspace) -> None:
    assert create_run(workspace, name, {}).name == name
    assert workspace.run(name).path == workspace.checkpoints / name


NO_NAMES = ["", ".", "..", "../a", "a/b", "/a", "a\\b", ".hidden", "-rf", " a", "a ", "a.", "a\n"]


@pytest.mark.parametrize("name", [*NO_NAMES, "a\0", "a" * 81, "con:", "a*", "😀", "~", "$HOME"])
def test_names_that_are_none(name: str, workspace: Workspace) -> None:
    for use in (lambda: create_run(workspace, name, {}), lambda: workspace.run(name)):
        with pytest.raises(UserError, match="is not a name") as refusal:
            use()
        assert len(str(refusal.value)) < 250
    assert not workspace.checkpoints.exists()


@given(st.text(max_size=90))
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    try:
        check_name(name)
    except UserError:
        return
    place = Path("/workspace/checkpoints") / name
    assert Path(os.path.normpath(place)).parent == Path("/workspace/checkpoints")
    assert not name.startswith((".", "-"))
    assert "\0" not in name


def test_a_name_is_taken_once(workspace: Workspace, run: Run) -> None:
    with pytest.raises(UserError, match="already a run 'first'"):
        create_run(workspace, "first", {"other": 1})
    assert run.config() == {"settings": {}}


def test_an_empty_folder_is_no_hindrance(workspace: Workspace) -> None:
    (workspace.checkpoints / "first").mkdir(parents=True)
    assert create_run(workspace, "first", {}).exists()


def test_a_place_where_nothing_can_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("a file in the way")
    with pytest.raises(UserError, match="could not be made"):
        create_run(Workspace(tmp_path), "first", {})


# What there is -----------------------------------------------------------------------------


def test_runs_are_listed_by_name_and_nothing_else_is(workspace: Workspace) -> None:
    for name in ("b", "a", "c"):
        create_run(workspace, name, {})
    (workspace.checkpoints / ".hidden").mkdir()
    (workspace.checkpoints / ".hidden" / "config.json").write_text("{}")
    (workspace.checkpoints / "no-run").mkdir()
    (workspace.checkpoints / "file").touch()
    assert [run.name for run in workspace.runs()] == ["a", "b", "c"]
    assert Workspace(workspace.root / "nowhere").runs() == []


def test_a_run_that_is_not_there_is_told_with_those_that_are(workspace: Workspace) -> None:
    with pytest.raises(UserError, match="no run 'a': the runs here are none yet"):
        workspace.run("a")
    create_run(workspace, "b", {})
    with pytest.raises(UserError, match="no run 'a': the runs here are b"):
        workspace.run("a")


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


def test_a_run_without_weights_says_so(workspace: Workspace, run: Run) -> None:
    with pytest.raises(UserError, match="'first' has no weights yet"):
        workspace.weights("first")
    assert Run(workspace.root / "gone").kept() == {}


def test_a_model_is_a_run_a_directory_or_a_file(workspace: Workspace, run: Run) -> None:
    run.weights_file(4).touch()
    assert workspace.weights("first") == run.weights_file(4)
    assert workspace.weights("first", 4) == run.weights_file(4)
    assert workspace.weights(str(run.path)) == run.weights_file(4)
    assert workspace.weights(str(run.weights_file(4))) == run.weights_file(4)
    with pytest.raises(UserError, match="--epoch means nothing"):
        workspace.weights(str(run.weights_file(4)), 4)
    with pytest.raises(UserError, match=r"'second' is no run, run directory or file.*first"):
        workspace.weights("second")


def test_the_default_workspace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NEUROCELEB_WORKSPACE", str(tmp_path))
    assert default_workspace() == tmp_path
    monkeypatch.delenv("NEUROCELEB_WORKSPACE")
    assert default_workspace() == helpers.ROOT


# What a run tells --------------------------------------------------------------------------


def test_a_config_that_cannot_be_read_is_named(run: Run) -> None:
    for text in ("", "[1]", '{"settings"', "\udcff"):
        (run.path / "config.json").write_bytes(text.encode("utf-8", "surrogateescape"))
        with pytest.raises(UserError, match=r"config\.json cannot be read"):
            run.config()


def test_a_record_too_large_is_not_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "MAX_RECORD_BYTES", 10)
    with pytest.raises(UserError, match="cannot be read"):
        run.config()


@pytest.mark.parametrize("state", ["starting", "running", "stopping"])
def test_a_run_goes_on_where_it_is_locked_and_its_heart_beats(run: Run, state: str) -> None:
    beat = {"state": state, "heartbeat": time.time()}
    run.write_status(beat)
    assert run.state() == "lost"  # its process is gone
    with run.locked():
        assert run.state() == state
        run.write_status({**beat, "heartbeat": time.time() - 31})
        assert run.state() == "lost"  # its process hangs
        run.write_status({"state": state})
        assert run.state() == "lost"
        run.write_status({"state": state, "heartbeat": "now"})
        assert run.state() == "lost"
    run.write_status(beat)
    assert run.state() == "lost"


def test_a_run_that_ends_while_one_looks_is_not_lost(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.write_status({"state": "running", "heartbeat": time.time()})

    def ended(_: Run) -> bool:
        run.write_status({"state": "finished"})
        return False

    monkeypatch.setattr(Run, "is_locked", ended)
    assert run.state() == "finished"


@pytest.mark.parametrize("state", ["queued", "stopped", "finished", "failed"])
def test_a_run_at_rest_needs_no_heartbeat(run: Run, state: str) -> None:
    run.write_status({"state": state, "epoch": 3})
    assert run.status() == {"state": state, "epoch": 3}


@pytest.mark.parametrize(
    "text", [None, "", "{", "[]", '{"state": "dancing"}', '{"state": ["running"]}', '{"state": {}}']
)
def test_a_status_that_tells_nothing_is_a_run_at_rest(run: Run, text: str | None) -> None:
    if text is not None:
        (run.path / "status.json").write_text(text)
    assert run.state() == "stopped"


def test_a_killed_holder_lets_go(run: Run) -> None:
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
            pytest.raises(UserError, match="'first' is going on in another process"),
            run.locked(),
        ):
            pytest.fail("two processes hold one run")
        process.send_signal(signal.SIGKILL)
    assert not run.is_locked()
    assert run.state() == "lost"
    with run.locked():
        assert run.is_locked()


def test_looking_at_a_run_does_not_take_it(run: Run) -> None:
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
def test_an_unfinished_or_damaged_line_is_passed_over(run: Run, tail: str) -> None:
    run.append_stats(row(0))
    with (run.path / "stats.jsonl").open("a") as file:
        file.write(tail)
    assert run.stats() == [row(0)]


def test_bytes_that_are_no_text_are_passed_over(run: Run) -> None:
    run.append_stats(row(0))
    with (run.path / "stats.jsonl").open("ab") as file:
        file.write(b"\xff\xfe\0\n")
    run.append_stats(row(1))
    assert run.stats() == [row(0), row(1)]


@given(st.binary(max_size=200))
def test_any_bytes_are_rows_or_nothing(tmp_path_factory: Any, content: bytes) -> None:
    run = Run(tmp_path_factory.mktemp("run"))
    (run.path / "stats.jsonl").write_bytes(content)
    assert all(isinstance(found["epoch"], int) for found in run.stats())


def test_rewinding_forgets_what_will_come_again(run: Run) -> None:
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
    filling = "x" * 200_000

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
