"""A run stopped or killed anywhere goes on as if nothing had happened: bit for bit, on the CPU."""

import copy
import itertools
import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neuroceleb import files, images
from neuroceleb.app.access import Access
from neuroceleb.app.api.context import Context
from neuroceleb.app.tabs.train import view
from neuroceleb.errors import UserError
from neuroceleb.model import checkpoint
from neuroceleb.runs import jobs
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace
from neuroceleb.training import state_file, step_function
from neuroceleb.training.gan import GAN
from tests import helpers
from tests.helpers import EPOCHS, STEPS, TINY, assert_same_training

ALL_STEPS = EPOCHS * STEPS
FLAGS = ("--epochs", str(EPOCHS), "--keep-every", "1", *TINY)

Stop = Callable[[Run], None]


def by_ctrl_c(_: Run) -> None:
    signal.raise_signal(signal.SIGINT)


def by_sigterm(_: Run) -> None:
    signal.raise_signal(signal.SIGTERM)


def by_file(run: Run) -> None:
    run.stop_file.touch()


def by_hangup(_: Run) -> None:
    signal.raise_signal(signal.SIGHUP)


STOPS: list[Stop] = [by_ctrl_c, by_sigterm, by_hangup, by_file]


class Stopper:
    """Trains in this process, and asks it to stop within chosen steps, counted over the run."""

    def __init__(self, here: helpers.Here, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.here = here
        self.photos = photos
        self._monkeypatch = monkeypatch
        self._names = map("run-{}".format, itertools.count())

    def new_run(self) -> Run:
        return Run(self.here.workspace / "checkpoints" / next(self._names))

    def train(self, run: Run, *more: str, at: int | None = None, by: Stop = by_file) -> None:
        """Go on (or begin), stopped within step `at` of the run, or to the end."""
        step = step_function.train_step
        done = self._steps_done(run)

        def watched(*arguments: Any) -> torch.Tensor:
            nonlocal done
            done += 1
            if done == at:
                by(run)
            return step(*arguments)

        with self._monkeypatch.context() as patch:
            patch.setattr(step_function, "train_step", watched)
            if run.exists():
                outcome = self.here("train", "--run", run.name, "--resume", *more)
            else:
                outcome = self.here("train", self.photos, "--run", run.name, *FLAGS, *more)
        assert outcome.code == 0, outcome.err
        if at is None or at >= ALL_STEPS:
            assert run.state() == "finished"
        else:
            assert run.state() == "stopped"
            assert done == at, "it stops after the step it is in"
            assert self._steps_done(run) == at
        assert not run.stop_file.exists()
        assert not run.is_locked()

    @staticmethod
    def _steps_done(run: Run) -> int:
        if not run.state_file.exists():
            return 0
        state, _ = state_file.load(run.state_file, run.older_state_file)
        return int(state["position"]["epoch"] * STEPS + state["position"]["step"])


@pytest.fixture
def stopper(here: helpers.Here, photos: Path, monkeypatch: pytest.MonkeyPatch) -> Stopper:
    return Stopper(here, photos, monkeypatch)


def copy_of(run: Run, here: helpers.Here) -> Run:
    shutil.copytree(run.path, here.workspace / "checkpoints" / run.name)
    return helpers.run_of(here.workspace, run.name)


# Stopped -----------------------------------------------------------------------------------


@pytest.mark.slow
@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    stops=st.lists(
        st.tuples(st.integers(1, ALL_STEPS), st.sampled_from(STOPS)),
        min_size=1,
        max_size=3,
        unique_by=lambda pair: pair[0],
    )
)
def test_stopped_anywhere_and_resumed_it_is_the_same_run(
    stops: list[tuple[int, Stop]], stopper: Stopper, finished: Run
) -> None:
    run = stopper.new_run()
    for step, by in sorted(stops, key=lambda pair: pair[0]):
        stopper.train(run, at=step, by=by)
    stopper.train(run)
    assert_same_training(run, finished)


@pytest.mark.parametrize(
    ("step", "by"),
    [(1, by_ctrl_c), (STEPS - 1, by_sigterm), (STEPS, by_file), (STEPS + 1, by_ctrl_c)],
)
def test_stopped_about_the_end_of_an_epoch(
    step: int, by: Stop, stopper: Stopper, finished: Run
) -> None:
    run = stopper.new_run()
    stopper.train(run, at=step, by=by)
    assert len(run.stats()) == step // STEPS
    stopper.train(run)
    assert_same_training(run, finished)


@pytest.mark.slow
def test_stopped_at_every_step_of_an_epoch(stopper: Stopper, finished: Run) -> None:
    run = stopper.new_run()
    for step in range(2, STEPS + 3):
        stopper.train(run, at=step)
    stopper.train(run)
    assert_same_training(run, finished)


@pytest.mark.parametrize(
    "ask",
    [
        "SIGTERM",
        *(pytest.param(ask, marks=pytest.mark.slow) for ask in ("SIGINT", "SIGHUP", "file")),
    ],
)
def test_a_real_process_stops_when_asked_and_leaves_with_0(
    ask: str, tmp_path: Path, photos: Path
) -> None:
    process = helpers.start(tmp_path, "train", photos, "--run", "one", *FLAGS, "--epochs", "9999")
    run = Run(tmp_path / "checkpoints" / "one")
    helpers.wait_for(lambda: len(run.stats()) >= 2, process)
    assert run.state() == "running"
    if ask == "file":
        run.stop_file.touch()
    else:
        process.send_signal(getattr(signal, ask))
    outcome = helpers.finish(process)
    assert outcome.code == 0, outcome.err
    assert "stopped" in outcome.err.splitlines()[-1]
    assert "--resume continues from here" in outcome.err.splitlines()[-1]
    assert run.state() == "stopped"
    assert not run.stop_file.exists()
    assert run.status()["epoch"] == len(run.stats())
    state_file.load(run.state_file, run.older_state_file)


def test_a_dataset_named_again_is_remembered(here: helpers.Here, tmp_path: Path) -> None:
    folder, moved = helpers.write_photos(tmp_path / "here", 8), tmp_path / "there"
    assert here("train", folder, "--run", "one", *TINY, "--epochs", "1").code == 0
    folder.rename(moved)
    here("train", "--run", "one", "--resume", "--epochs", "2").assert_refused("no dataset")
    assert here("train", moved, "--run", "one", "--resume", "--epochs", "2").code == 0
    assert here("train", "--run", "one", "--resume", "--epochs", "3").code == 0
    assert helpers.run_of(here.workspace, "one").dataset_path() == str(moved)


def test_a_moved_workspace_finds_its_dataset(here: helpers.Here, tmp_path: Path) -> None:
    folder = helpers.write_photos(here.workspace / "datasets" / "mine", 8)
    assert here("train", folder, "--run", "one", *TINY, "--epochs", "1").code == 0
    here.workspace = here.workspace.rename(tmp_path / "moved")
    assert here("train", "--run", "one", "--resume", "--epochs", "2").code == 0
    assert helpers.run_of(here.workspace, "one").dataset_path() == "mine"


@pytest.mark.slow
def test_a_stop_file_from_before_is_removed(stopper: Stopper, finished: Run) -> None:
    run = stopper.new_run()
    stopper.train(run, at=7)
    run.stop_file.touch()
    stopper.train(run)
    assert_same_training(run, finished)


# Killed ------------------------------------------------------------------------------------


def assert_nothing_is_half_written(run: Run) -> None:
    json.loads((run.path / "config.json").read_text())
    json.loads((run.path / "status.json").read_text())
    for path in (run.path / "stats.jsonl",) if (run.path / "stats.jsonl").exists() else ():
        assert [row["epoch"] for row in run.stats()] == list(range(len(run.stats()))), path
    for path in run.sheets().values():
        images.load(path)
    for path in run.kept().values():
        checkpoint.load_generator(path)
    if run.discriminator_file.exists():
        checkpoint.load_discriminator(run.discriminator_file)
    for path in (run.state_file, run.older_state_file):
        if path.exists():
            _, warnings = state_file.load(path, path)
            assert warnings == []


def progress(run: Run) -> tuple[float, int]:
    """Changes whenever a state is saved or an epoch ends."""
    saved = run.state_file.stat().st_mtime_ns if run.state_file.exists() else 0
    return saved, len(run.stats())


@pytest.mark.slow
def test_killed_at_random_moments_it_is_the_same_run(tmp_path: Path, photos: Path) -> None:
    flags = (*FLAGS, "--epochs", "12", "--keep-every", "2", "--save-minutes", "0")
    whole = helpers.command(tmp_path, "train", photos, "--run", "whole", *flags)
    assert whole.code == 0, whole.err
    run = Run(tmp_path / "checkpoints" / "killed")
    chance = random.Random(5)
    verb: tuple[str | Path, ...] = ("train", photos, "--run", "killed", *flags)
    kills = 0
    while run.state() != "finished":
        process = helpers.start(tmp_path, *verb)
        if kills == 3:
            assert helpers.finish(process).code == 0
            break
        before = progress(run)
        helpers.wait_for(lambda before=before: progress(run) != before, process)
        time.sleep(chance.uniform(0, 0.06))
        helpers.kill(process)
        kills += 1
        assert not run.is_locked()
        assert run.state() in {"lost", "finished"}
        assert_nothing_is_half_written(run)
        verb = ("train", "--run", "killed", "--resume")
    assert kills >= 2, "it ended before it could be killed"
    assert_same_training(run, helpers.run_of(tmp_path, "whole"))
    assert not list(run.path.glob(".*.tmp"))


@pytest.mark.slow
def test_killed_before_the_first_save_it_begins_again(here: helpers.Here, finished: Run) -> None:
    run = copy_of(finished, here)
    run.state_file.unlink()
    run.older_state_file.unlink()
    run.rewind(1)
    run.weights_file(0).unlink()
    run.write_status({**run.status(), "state": "running"})
    assert run.state() == "lost"
    outcome = here("train", "--run", run.name, "--resume")
    assert outcome.code == 0, outcome.err
    assert_same_training(run, finished)


def without_state(run: Run) -> Run:
    run.state_file.unlink()
    run.older_state_file.unlink()
    return run


def test_a_run_without_its_state_goes_on_from_the_weights_kept_last(
    here: helpers.Here, finished: Run
) -> None:
    run = without_state(copy_of(finished, here))
    before = {path.name: path.read_bytes() for path in run.kept().values()}
    rows = run.stats()
    outcome = here("train", "--run", run.name, "--resume", "--epochs", str(EPOCHS + 2))
    assert outcome.code == 0, outcome.err
    assert f"from the weights of epoch {EPOCHS - 1}" in outcome.err
    assert run.stats()[:EPOCHS] == rows
    first, second = run.stats()[EPOCHS:]
    assert (first["epoch"], first["images_seen"]) == (EPOCHS, (EPOCHS + 1) * helpers.PHOTOS)
    assert first["resumed"] is True
    assert "resumed" not in second
    assert list(run.sheets()) == list(run.kept()) == list(range(EPOCHS + 2))
    assert all((run.path / name).read_bytes() == data for name, data in before.items())
    assert run.has_state()
    assert run.state() == "finished"


def test_its_first_step_is_taken_with_the_kept_weights(
    here: helpers.Here, finished: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = without_state(copy_of(finished, here))
    begun_with: list[GAN] = []

    def take(gan: GAN, *_: object) -> torch.Tensor:
        begun_with.append(copy.deepcopy(gan))
        raise UserError("Enough is seen.")

    monkeypatch.setattr(step_function, "train_step", take)
    outcome = here("train", "--run", run.name, "--resume", "--epochs", "9")
    assert outcome.err.splitlines()[-1] == "Enough is seen."
    kept = checkpoint.load_generator(run.weights())[0].state_dict()
    critic = checkpoint.load_discriminator(run.discriminator_file).state_dict()
    for network, expected in ((begun_with[0].G, kept), (begun_with[0].D, critic)):
        for name, value in network.state_dict().items():
            assert torch.equal(value, expected[name]), name
    assert not begun_with[0].adam_g.state


@pytest.mark.slow
def test_where_only_the_last_weights_are_left_a_kill_loses_nothing(
    here: helpers.Here, finished: Run
) -> None:
    run = without_state(copy_of(finished, here))
    for path in list(run.kept().values())[:-1]:
        path.unlink()
    weights = run.weights().read_bytes()
    run.write_status({**run.status(), "state": "running"})  # killed before it had a state again
    assert run.state() == "lost"
    assert run.left_off_at() == EPOCHS - 1
    process = helpers.start(here.workspace, "train", "--run", run.name, "--resume", "--epochs", 99)
    helpers.wait_for(run.has_state, process)
    process.kill()
    helpers.finish(process)
    outcome = here("train", "--run", run.name, "--resume", "--epochs", str(EPOCHS + 1))
    assert outcome.code == 0, outcome.err
    assert run.kept()[EPOCHS - 1].read_bytes() == weights
    assert [row["epoch"] for row in run.stats()[:EPOCHS]] == list(range(EPOCHS))


def test_without_its_state_it_does_not_go_on_with_other_images(
    here: helpers.Here, finished: Run
) -> None:
    run = without_state(copy_of(finished, here))
    others = helpers.write_photos(here.workspace / "others", 9)
    outcome = here("train", others, "--run", run.name, "--resume", "--epochs", "9")
    assert outcome.code == 2
    assert "are not those" in outcome.err.splitlines()[-1]
    assert list(run.kept()) == list(range(EPOCHS))
    assert run.left_off_at() == EPOCHS - 1


def test_the_page_offers_to_go_on_only_where_the_photos_are(
    here: helpers.Here, finished: Run
) -> None:
    run = without_state(copy_of(finished, here))
    context = Context(Workspace(here.workspace), Access(is_local=True))
    assert view.actions_of(context, run, run.status())["resume"] == ""
    elsewhere = {**run.config()["dataset"], "path": "gone"}
    files.write_json(run.path / "config.json", {**run.config(), "dataset": elsewhere})
    assert view.actions_of(context, run, run.status()).get("resume") != ""


def test_a_finished_run_is_queued_again_only_with_more_epochs_and_a_dataset(
    here: helpers.Here, finished: Run
) -> None:
    run = without_state(copy_of(finished, here))
    with pytest.raises(UserError, match="more epochs"):
        jobs.resume(Workspace(here.workspace), run.name, epochs=EPOCHS)
    files.write_json(run.path / "config.json", {**run.config(), "dataset": {}})
    with pytest.raises(UserError, match="does not name a dataset"):
        jobs.resume(Workspace(here.workspace), run.name, epochs=9)
    assert run.state() == "finished"


@pytest.mark.slow
def test_leftovers_of_a_killed_process_are_cleared_away(
    here: helpers.Here, finished: Run, stopper: Stopper
) -> None:
    run = stopper.new_run()
    stopper.train(run, at=8)
    for name in (".state.pt.1-ab.tmp", ".netG_epoch_003.safetensors.1-ab.tmp"):
        (run.path / name).write_bytes(b"half")
    stopper.train(run)
    assert not list(run.path.glob(".*.tmp"))
    assert_same_training(run, finished)


@pytest.mark.slow
@pytest.mark.parametrize("step", [4, 8, STEPS * 2])
def test_a_damaged_newest_state_costs_what_came_since_the_one_before(
    step: int, stopper: Stopper, finished: Run
) -> None:
    run = stopper.new_run()
    stopper.train(run, at=2)
    stopper.train(run, at=step)
    blob = run.state_file.read_bytes()
    run.state_file.write_bytes(blob[: len(blob) // 3])
    outcome = stopper.here("train", "--run", run.name, "--resume")
    assert outcome.code == 0, outcome.err
    assert "state.pt is damaged and was skipped" in outcome.err
    assert_same_training(run, finished)


# What may change, and what not -------------------------------------------------------------


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--lr", "0.001"),
        ("--batch-size", "16"),
        ("--seed", "1"),
        ("--ngf", "8"),
        ("--nz", "9"),
        ("--keep-every", "3"),
        ("--weights", "float16"),
        ("--sheet-format", "webp"),
        ("--save-minutes", "1"),
    ],
)
def test_another_setting_is_refused(
    flag: str, value: str, here: helpers.Here, finished: Run
) -> None:
    run = copy_of(finished, here)
    before = {path.name: path.read_bytes() for path in run.path.iterdir()}
    outcome = here("train", "--run", run.name, "--resume", "--epochs", "9", flag, value)
    outcome.assert_refused(flag, value, "--resume")
    assert {path.name: path.read_bytes() for path in run.path.iterdir()} == before


@pytest.mark.slow
def test_the_settings_it_has_may_be_said_again(stopper: Stopper, finished: Run) -> None:
    run = stopper.new_run()
    stopper.train(run, at=3)
    stopper.train(run, *FLAGS)
    assert_same_training(run, finished)


def test_more_epochs_go_on_from_the_end(stopper: Stopper, finished: Run) -> None:
    run = stopper.new_run()
    outcome = stopper.here("train", stopper.photos, "--run", run.name, *FLAGS, "--epochs", "2")
    assert outcome.code == 0, outcome.err
    assert_same_training(run, finished, epochs=range(2))
    stopper.train(run, "--epochs", str(EPOCHS))
    assert_same_training(run, finished)
    assert run.status()["epochs"] == EPOCHS


@pytest.mark.slow
def test_the_changed_number_of_epochs_is_remembered(stopper: Stopper, finished: Run) -> None:
    run = stopper.new_run()
    assert (
        stopper.here("train", stopper.photos, "--run", run.name, *FLAGS, "--epochs", "2").code == 0
    )
    stopper.train(run, "--epochs", str(EPOCHS), at=STEPS * 3 + 1)
    stopper.train(run)
    assert_same_training(run, finished)


def test_fewer_epochs_end_it_sooner_and_keep_the_last(stopper: Stopper, finished: Run) -> None:
    run = stopper.new_run()
    stopper.train(run, "--keep-every", "100", at=STEPS)
    stopper.train(run, "--epochs", "1")
    assert list(run.kept()) == [0]
    assert run.status()["epochs"] == 1
    assert_same_training(run, finished, epochs=range(1))


@pytest.mark.slow
def test_fewer_epochs_than_begun_still_leave_weights(stopper: Stopper, finished: Run) -> None:
    run = stopper.new_run()
    stopper.train(run, "--keep-every", "100", at=STEPS + 3)
    stopper.train(run, "--epochs", "1")
    assert checkpoint.load_generator(run.weights())
    stopper.train(run, "--epochs", str(EPOCHS))
    assert list(run.kept()) == [EPOCHS - 1]
    assert_same_training(run, finished)


def test_a_finished_run_has_nothing_left_to_do(here: helpers.Here, finished: Run) -> None:
    run = copy_of(finished, here)
    outcome = here("train", "--run", run.name, "--resume", "--json")
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out.splitlines()[-1])["state"] == "finished"
    assert_same_training(run, finished)


# The data ----------------------------------------------------------------------------------


@pytest.fixture
def own_photos(stopper: Stopper, tmp_path: Path) -> Path:
    """The photos of `finished`, to be changed."""
    stopper.photos = helpers.write_photos(tmp_path / "own photos")
    return stopper.photos


def test_other_photos_than_before_are_refused_until_they_are_back(
    own_photos: Path, stopper: Stopper, finished: Run
) -> None:
    run = stopper.new_run()
    stopper.train(run, at=8)
    before = run.state_file.read_bytes()
    helpers.photo(99).save(own_photos / "007.png")
    outcome = stopper.here("train", "--run", run.name, "--resume")
    assert outcome.code == 2
    assert f"{own_photos} are not those" in outcome.err.splitlines()[-1]
    assert run.state() == "failed"
    assert "are not those" in run.status()["message"]
    assert run.state_file.read_bytes() == before
    helpers.photo(7).save(own_photos / "007.png")
    stopper.train(run)
    assert_same_training(run, finished)


@pytest.mark.slow
def test_photos_touched_moved_or_zipped_are_the_same(
    own_photos: Path, stopper: Stopper, finished: Run, tmp_path: Path
) -> None:
    run = stopper.new_run()
    stopper.train(run, at=3)
    for path in own_photos.iterdir():
        os.utime(path, (10**9, 10**9))
    stopper.train(run, at=6)
    moved = own_photos.rename(tmp_path / "moved")
    stopper.train(run, str(moved), at=12)
    zipped = shutil.make_archive(str(tmp_path / "zipped"), "zip", moved)
    stopper.train(run, zipped)
    assert_same_training(run, finished)
