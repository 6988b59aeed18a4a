"""What goes wrong in a long run, provoked for real or at its seam: told, and nothing lost."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from neuroceleb import images
from neuroceleb.errors import UserError
from neuroceleb.model import checkpoint
from neuroceleb.runs.run import Run, files
from neuroceleb.training import recovery, state_file, step_function
from tests import helpers

Step = Callable[..., torch.Tensor]


def failing(monkeypatch: pytest.MonkeyPatch, when: Callable[[int, torch.Tensor, Any], Any]) -> None:
    """Have `when(call, real, gan)` look at every step first: it may raise, or spoil figures."""
    step: Step = step_function.train_step
    calls = 0

    def watched(gan: Any, real: torch.Tensor, *rest: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        spoilt = when(calls, real, gan)
        return step(gan, real, *rest) if spoilt is None else spoilt

    monkeypatch.setattr(step_function, "train_step", watched)


def train(here: helpers.Here, photos: Path, *more: str) -> helpers.Outcome:
    arguments = ("--epochs", "3", "--keep-every", "1", *helpers.TINY)
    return here("train", photos, "--run", "one", *arguments, *more)


def out_of_memory() -> torch.OutOfMemoryError:
    return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


# Memory ------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "error",
    [
        out_of_memory(),
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_too_little_memory_halves_the_batch_and_says_so(
    error: Exception,
    here: helpers.Here,
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def too_large(_call: int, real: torch.Tensor, _players: Any) -> None:
        if len(real) > 2:
            raise error

    failing(monkeypatch, too_large)
    outcome = train(here, photos)
    assert outcome.code == 0, outcome.err
    assert "continues with 4" in outcome.err
    run = helpers.run_of(here.workspace, "one")
    status = run.status()
    assert status["state"] == "finished"
    assert status["adjusted"] == {"batch_size": 2}
    assert "continues with 2" in status["message"]
    assert [row["images_seen"] for row in run.stats()] == [40, 80, 120]
    # It holds on a resume, with no more trouble.
    again = here("train", "--run", "one", "--resume", "--epochs", "4")
    assert again.code == 0, again.err
    assert "too small" not in again.err
    assert run.stats()[-1]["images_seen"] == 160


def test_too_little_memory_within_an_epoch_goes_on_from_the_saved_state(
    here: helpers.Here, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def later(call: int, real: torch.Tensor, _players: Any) -> None:
        if call == 8:  # the third step of the second epoch
            raise out_of_memory()
        seen.append(len(real))

    failing(monkeypatch, later)
    outcome = train(here, photos, "--save-minutes", "0")
    assert outcome.code == 0, outcome.err
    assert seen == [8] * 7 + [4] * 6 + [4] * 10  # two steps of 8 are four of 4: six are left
    run = helpers.run_of(here.workspace, "one")
    assert [row["images_seen"] for row in run.stats()] == [40, 80, 120]
    assert all(0 < row["d_x"] < 1 for row in run.stats())


def test_where_not_even_one_image_fits_it_is_said_what_would(
    here: helpers.Here, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise out_of_memory()

    failing(monkeypatch, never)
    outcome = train(here, photos)
    assert outcome.code == 2
    assert "smaller --ngf and --ndf than 4 and 4" in outcome.err.splitlines()[-1]
    assert helpers.run_of(here.workspace, "one").state() == "failed"


def test_other_errors_are_no_lack_of_memory() -> None:
    assert not recovery.is_out_of_memory(RuntimeError("shape mismatch"))
    assert not recovery.is_out_of_memory(ValueError("DefaultCPUAllocator"))


# Not a number ------------------------------------------------------------------------------


def test_a_loss_that_is_none_goes_back_once_with_half_the_rate(
    here: helpers.Here, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = []

    def once(call: int, _real: torch.Tensor, gan: Any) -> torch.Tensor | None:
        rates.append((gan.adam_g.param_groups[0]["lr"], gan.adam_d.param_groups[0]["lr"]))
        return torch.full((5,), float("nan")) if call == 8 else None

    failing(monkeypatch, once)
    outcome = train(here, photos)
    assert outcome.code == 0, outcome.err
    assert "half the learning rate, 0.0002" in outcome.err
    run = helpers.run_of(here.workspace, "one")
    assert run.status()["adjusted"] == {"lr": 2e-4}
    assert rates == [(4e-4, 4e-4)] * 8 + [(2e-4, 2e-4)] * 10  # from the end of epoch 0
    assert [row["epoch"] for row in run.stats()] == [0, 1, 2]


def test_a_loss_that_is_none_again_stops_with_a_sentence(
    here: helpers.Here, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def from_then_on(call: int, *_: object) -> torch.Tensor | None:
        return torch.full((5,), float("nan")) if call >= 8 else None

    failing(monkeypatch, from_then_on)
    outcome = train(here, photos)
    assert outcome.code == 2
    run = helpers.run_of(here.workspace, "one")
    assert run.state() == "failed"
    assert "stopped being a finite number" in run.status()["message"]
    state, warnings = state_file.load(run.state_file, run.older_state_file)
    assert state["position"]["epoch"] == 1
    assert warnings == []


# The disk ----------------------------------------------------------------------------------

FILL = """
import json, os, sys
from pathlib import Path
from neuroceleb import images
from neuroceleb.cli import main as cli
from neuroceleb.model import checkpoint
from neuroceleb.runs.run import Run
from neuroceleb.training import state_file
try:
    cli.main(sys.argv[2:])
except SystemExit as left:
    code = left.code
run = Run(Path(sys.argv[1]))
state, warnings = state_file.load(run.state_file, run.older_state_file)
for path in run.kept().values():
    checkpoint.load_generator(path)
for path in run.sheets().values():
    images.load(path)
free = os.statvfs(run.path)
print(json.dumps({
    "code": code, "state": run.state(), "message": run.status().get("message"),
    "rows": [row["epoch"] for row in run.stats()], "warnings": warnings,
    "saved": state["position"]["epoch"], "leftovers": [p.name for p in run.path.glob(".*.tmp")],
}))
"""


@pytest.mark.slow
def test_a_full_disk_stops_the_run_with_everything_saved_whole(
    tmp_path: Path, photos: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    done = helpers.in_small_disk(
        "5m",
        disk,
        sys.executable,
        "-c",
        FILL,
        str(disk / "checkpoints" / "one"),
        "train",
        str(photos),
        "--run",
        "one",
        "--workspace",
        str(disk),
        "--epochs",
        "1000",
        "--keep-every",
        "1",
        *helpers.TINY,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "Stopped: the disk is full." in done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["code"] == 0
    assert found["state"] == "stopped"
    assert "the disk is full" in found["message"]
    assert found["warnings"] == []
    assert found["leftovers"] == []
    assert found["saved"] > 2
    assert found["rows"] == list(range(len(found["rows"])))
    assert found["saved"] == len(found["rows"])  # the state of the last step


def test_a_row_that_does_not_fit_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path)
    run.append_stats({"epoch": 0})

    def half(file: Any, data: bytes) -> None:
        file.write(data[:5])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write_whole", half)
    with pytest.raises(UserError, match=r"stats.jsonl could not be written \(No space left"):
        run.append_stats({"epoch": 1})
    assert (tmp_path / "stats.jsonl").read_text() == '{"epoch": 0}\n'


@pytest.mark.slow
def test_a_folder_one_may_not_write_is_said_in_a_sentence(tmp_path: Path, photos: Path) -> None:
    setpriv = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")  # root minds permissions, too
    if not shutil.which("setpriv"):
        pytest.skip("there is no setpriv here")
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "datasets").mkdir()
    (tmp_path / "checkpoints").chmod(0o500)
    done = subprocess.run(
        [
            *setpriv,
            sys.executable,
            "-m",
            "neuroceleb",
            "train",
            str(photos),
            "--run",
            "one",
            "--workspace",
            str(tmp_path),
            *helpers.TINY,
        ],
        check=False,
        capture_output=True,
        text=True,
        env=helpers.environment(),
    )
    (tmp_path / "checkpoints").chmod(0o700)
    if "bounding" in done.stderr or "setpriv" in done.stderr:
        pytest.skip("privileges cannot be dropped here")
    helpers.Outcome(done.returncode, done.stdout, done.stderr).assert_refused("Permission denied")


# What was there ----------------------------------------------------------------------------


def test_a_dataset_that_vanished_is_named(here: helpers.Here, stopped: Run, tmp_path: Path) -> None:
    config = stopped.config()
    config["dataset"]["path"] = str(tmp_path / "gone")
    (stopped.path / "config.json").write_text(json.dumps(config))
    here("train", "--run", "first", "--resume", "--epochs", "9").assert_refused(
        "gone", "no dataset"
    )
    assert stopped.state() == "finished"
    assert len(stopped.stats()) == helpers.EPOCHS


def test_a_damaged_state_gives_way_to_the_older_one(here: helpers.Here, stopped: Run) -> None:
    whole = stopped.state_file.read_bytes()
    stopped.state_file.write_bytes(whole[: len(whole) // 2])
    outcome = here("train", "--run", "first", "--resume", "--epochs", "5")
    assert outcome.code == 0, outcome.err
    assert "state.pt is damaged" in outcome.err
    assert [row["epoch"] for row in stopped.stats()] == [0, 1, 2, 3, 4]


def test_two_damaged_states_are_said_and_nothing_else_is_touched(
    here: helpers.Here, stopped: Run
) -> None:
    for path in (stopped.state_file, stopped.older_state_file):
        path.write_bytes(path.read_bytes()[:1_000])
    outcome = here("train", "--run", "first", "--resume", "--epochs", "5")
    assert outcome.code == 2
    assert "no older state" in outcome.err.splitlines()[-1]
    assert stopped.state() == "failed"
    assert len(stopped.stats()) == helpers.EPOCHS
    assert checkpoint.load_generator(stopped.weights())
    assert all(images.load(path).size for path in stopped.sheets().values())


def test_a_damaged_status_is_reported_and_without_it_the_run_resumes(
    here: helpers.Here, stopped: Run
) -> None:
    (stopped.path / "status.json").write_bytes(b'{"state": "runn')
    assert stopped.state() == "damaged"
    here("train", "--run", "first", "--resume", "--epochs", "5").assert_refused(
        "status.json is damaged", "delete it"
    )
    (stopped.path / "status.json").unlink()
    outcome = here("train", "--run", "first", "--resume", "--epochs", "5")
    assert outcome.code == 0, outcome.err
    assert stopped.state() == "finished"
