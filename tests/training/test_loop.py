"""`train` on the real command line: what it writes, says and refuses."""

import dataclasses
import json
import math
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from neuroceleb import images
from neuroceleb.data import dataset
from neuroceleb.data.batches import Faces, to_float
from neuroceleb.errors import UserError
from neuroceleb.latent.seeds import z_from_seeds
from neuroceleb.model import checkpoint, generator
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace
from neuroceleb.settings import Settings
from neuroceleb.training import device as devices
from neuroceleb.training import step_function
from tests import helpers
from tests.helpers import EPOCHS, PHOTOS, STEPS, TINY


def tree(folder: Path) -> dict[str, int]:
    return {str(p.relative_to(folder)): p.stat().st_mtime_ns for p in folder.rglob("*")}


def train(here: helpers.Here, photos: Path, *more: str, name: str = "one") -> helpers.Outcome:
    return here("train", photos, "--run", name, *TINY, "--epochs", "2", *more)


# What a run leaves behind ------------------------------------------------------------------


def test_the_directory_holds_what_the_contract_says(finished: Run) -> None:
    epochs = range(EPOCHS)
    expected = {
        *("config.json", "status.json", "stats.jsonl", "log.txt", "real_samples.png"),
        *(f"fake_samples_epoch_{epoch:03d}.png" for epoch in epochs),
        *(f"netG_epoch_{epoch:03d}.safetensors" for epoch in epochs),
        *("netD.safetensors", "state.pt", "state.previous.pt"),
    }
    assert {path.name for path in finished.path.iterdir()} == expected


def test_the_config_holds_every_setting_and_the_data(finished: Run, photos: Path) -> None:
    config = finished.config()
    settings = Settings.from_json(config["settings"])
    assert set(config["settings"]) == {spec.name for spec in dataclasses.fields(Settings)}
    assert (settings.epochs, settings.ngf, settings.nz, settings.batch_size) == (EPOCHS, 4, 8, 8)
    assert config["recipe"] == settings.recipe
    data = dataset.load(photos, Workspace(finished.path.parents[1]).datasets)
    assert config["dataset"] == {
        "path": str(photos),
        "count": PHOTOS,
        "trained_on": PHOTOS,
        "skipped": 0,
        "fingerprint": data.fingerprint,
    }
    assert {"neuroceleb", "python", "torch", "numpy", "pillow"} <= set(config["versions"])
    assert config["versions"]["torch"] == torch.__version__
    datetime.strptime(config["created"], "%Y-%m-%dT%H:%M:%S%z")


def test_the_status_tells_the_end(finished: Run) -> None:
    status = finished.status()
    assert status["state"] == "finished"
    assert (status["epoch"], status["epochs"], status["step"]) == (EPOCHS, EPOCHS, 0)
    assert status["images_seen"] == EPOCHS * PHOTOS
    assert status["images_per_second"] > 0
    assert status["eta_seconds"] is None
    assert status["message"] == ""
    assert isinstance(status["pid"], int)
    assert not finished.is_locked()


FIGURES = ("loss_d", "loss_g", "d_x", "d_g_z1", "d_g_z2")


def test_the_stats_have_a_row_an_epoch(finished: Run) -> None:
    rows = finished.stats()
    assert [row["epoch"] for row in rows] == list(range(EPOCHS))
    assert [row["images_seen"] for row in rows] == [PHOTOS * (n + 1) for n in range(EPOCHS)]
    for row in rows:
        for name in FIGURES:
            assert math.isfinite(row[name])
            assert math.isfinite(row[f"last_{name}"])
        assert all(0 < row[name] < 1 for name in ("d_x", "d_g_z1", "d_g_z2"))
        assert row["images_per_second"] > 0
        assert row["seconds"] > 0
        assert 0 <= row["fetch_share"] < 1


def test_figures_are_means_over_the_epoch_and_the_last_step(
    here: helpers.Here, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[list[float]] = []
    step = step_function.train_step

    def watched(*arguments: Any) -> torch.Tensor:
        figures = step(*arguments)
        steps.append(figures.tolist())
        return figures

    monkeypatch.setattr(step_function, "train_step", watched)
    assert train(here, photos).code == 0
    rows = helpers.run_of(here.workspace, "one").stats()
    assert len(steps) == 2 * STEPS
    for epoch, row in enumerate(rows):
        of_epoch = steps[epoch * STEPS : (epoch + 1) * STEPS]
        assert [row[name] for name in FIGURES] == pytest.approx(np.mean(of_epoch, 0), rel=1e-12)
        assert [row[f"last_{name}"] for name in FIGURES] == of_epoch[-1]


def test_the_last_smaller_batch_is_used(
    here: helpers.Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    step = step_function.train_step

    def watched(gan: Any, real: torch.Tensor, *rest: Any) -> torch.Tensor:
        sizes.append(len(real))
        return step(gan, real, *rest)

    monkeypatch.setattr(step_function, "train_step", watched)
    photos = helpers.write_photos(tmp_path / "photos", 19)
    assert train(here, photos).code == 0
    assert sizes == [8, 8, 3] * 2
    assert [row["images_seen"] for row in helpers.run_of(here.workspace, "one").stats()] == [19, 38]


@pytest.mark.parametrize("count", [1, 2])
def test_a_handful_of_photos_trains(count: int, here: helpers.Here, tmp_path: Path) -> None:
    photos = helpers.write_photos(tmp_path / "photos", count)
    outcome = train(here, photos)
    assert outcome.code == 0, outcome.err
    assert helpers.run_of(here.workspace, "one").state() == "finished"


def test_sheets_show_the_fixed_seeds_and_real_ones_photos(finished: Run, photos: Path) -> None:
    for epoch, path in finished.sheets().items():
        model = generator.load(finished.weights(epoch))
        faces = model.images(z_from_seeds(range(64), model.nz))
        np.testing.assert_array_equal(images.load(path), images.grid(faces))
    data = dataset.load(photos, Workspace(finished.path.parents[1]).datasets)
    shown = images.ungrid(images.load(finished.real_sheet_file()), 8, 64)
    assert {face.tobytes() for face in shown} <= {face.tobytes() for face in data.pixels}
    assert len({face.tobytes() for face in shown}) == 8


def test_weights_know_their_run_and_epoch(finished: Run) -> None:
    for epoch, path in finished.kept().items():
        _, config = checkpoint.load_generator(path)
        assert (config["run"], config["epoch"]) == ("first", epoch)
        assert config["images_seen"] == PHOTOS * (epoch + 1)
        assert Settings.from_json(config["settings"]).ngf == 4
    assert checkpoint.load_discriminator(finished.discriminator_file).main[0].out_channels == 4


def test_json_is_the_last_line(finished: Run) -> None:
    text = (finished.path.parents[1] / "outcome.json").read_text()
    outcome = json.loads(text.splitlines()[-1])
    assert outcome == {
        "run": "first",
        "path": str(finished.path),
        "state": "finished",
        "epoch": EPOCHS,
        "last": finished.stats()[-1],
    }


def test_the_log_tells_every_epoch(finished: Run) -> None:
    log = finished.log_file.read_text("utf-8")
    assert f"Training 'first' on {PHOTOS} faces, cpu, {EPOCHS} epochs." in log
    for row in finished.stats():
        assert f"epoch {row['epoch']:>3}  loss_d {row['loss_d']:.4f}" in log
    assert "Run 'first' finished" in log


@pytest.mark.parametrize(
    ("epochs", "flags", "kept"),
    [
        (3, ("--keep-every", "2"), [1, 2]),
        (3, ("--keep-every", "100"), [2]),
        (3, (), [0, 1, 2]),
    ],
)
def test_weights_are_kept_now_and_then_and_at_the_end(
    epochs: int, flags: tuple[str, ...], kept: list[int], here: helpers.Here, photos: Path
) -> None:
    assert train(here, photos, "--epochs", str(epochs), *flags).code == 0
    run = helpers.run_of(here.workspace, "one")
    assert list(run.kept()) == kept
    assert list(run.sheets()) == [0, 1, 2]


def test_a_run_to_ship_has_small_files(here: helpers.Here, photos: Path) -> None:
    flags = ("--sheet-format", "webp", "--weights", "float16")
    assert train(here, photos, *flags).code == 0
    run = helpers.run_of(here.workspace, "one")
    assert [path.suffix for path in run.sheets().values()] == [".webp"] * 2
    assert run.real_sheet_file("webp").exists()
    assert not list(run.path.glob("*.png"))
    faces = generator.load(run.weights()).images(z_from_seeds([42], 8))
    assert faces.shape == (1, 64, 64, 3)


def test_the_seed_makes_the_run(here: helpers.Here, photos: Path) -> None:
    for name, seed in (("one", "1"), ("again", "1"), ("other", "2")):
        assert train(here, photos, "--seed", seed, name=name).code == 0
    one, again, other = (helpers.run_of(here.workspace, name) for name in ("one", "again", "other"))
    helpers.assert_same_training(one, again)
    assert helpers.timeless(one) != helpers.timeless(other)


# Data --------------------------------------------------------------------------------------


def test_bad_files_are_named_a_dozen_on_the_screen_and_all_in_the_log(
    here: helpers.Here, tmp_path: Path
) -> None:
    photos = helpers.write_photos(tmp_path / "photos", 9)
    bad = [f"bad {number:02d} 힣😀.jpg" for number in range(14)] + ["bad \x1b[31m\n14.jpg"]
    for name in bad:
        (photos / name).write_bytes(b"no photo")
    (photos / os.fsdecode(b"bad \xff.jpg")).write_bytes(b"")
    outcome = train(here, photos)
    assert outcome.code == 0
    shown = [line for line in outcome.err.splitlines() if line.startswith("Skipped")]
    assert len(shown) == 12
    assert "… and 4 more files skipped" in outcome.err
    run = helpers.run_of(here.workspace, "one")
    log = run.log_file.read_text("utf-8")
    assert log.count("Skipped bad") == 16
    assert all(f"Skipped {name}" in log for name in bad[:14])
    assert "\x1b" not in log + outcome.err
    assert run.config()["dataset"]["skipped"] == 16
    assert run.config()["dataset"]["count"] == 9


def test_nothing_usable_leaves_no_run(here: helpers.Here, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "letter.jpg").write_text("Dear diary")
    train(here, tmp_path / "photos").assert_refused(str(tmp_path / "photos"), "letter.jpg")
    assert Workspace(here.workspace).runs() == []
    assert train(here, helpers.write_photos(tmp_path / "good", 8)).code == 0  # under that name


def test_a_dataset_by_name_is_kept_by_name(here: helpers.Here) -> None:
    helpers.write_photos(here.workspace / "datasets" / "mine" / "faces" / "all", 8)
    outcome = here("train", "mine", "--run", "one", *TINY, "--epochs", "1")
    assert outcome.code == 0, outcome.err
    assert helpers.run_of(here.workspace, "one").config()["dataset"]["path"] == "mine"


def test_an_epoch_holds_every_photo_once_in_an_order_of_its_own() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 64, 64, 3), dtype=np.uint8)
    faces = Faces(pixels, torch.device("cpu"))
    expected = {face.contiguous().numpy().tobytes() for face in to_float(torch.from_numpy(pixels))}
    assert len(expected) == 30
    orders = []
    for epoch in (0, 1):
        whole = torch.cat(list(faces.batches(epoch, 8, seed=3)))
        orders.append([face.contiguous().numpy().tobytes() for face in whole])
        assert set(orders[-1]) == expected
        assert len(orders[-1]) == 30
    assert orders[0] != orders[1]
    late = list(faces.batches(1, 8, seed=3, first_step=2))
    whole_epoch = list(faces.batches(1, 8, seed=3))
    assert len(late) == 2
    assert all(torch.equal(a, b) for a, b in zip(late, whole_epoch[2:], strict=True))


# What is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--epochs", "0"),
        ("--epochs", "many"),
        ("--epochs", "1.5"),
        ("--batch-size", "0"),
        ("--lr", "nan"),
        ("--lr", "-1"),
        ("--beta1", "1"),
        ("--nz", "0"),
        ("--ngf", "10000"),
        ("--seed", "-1"),
        ("--device", "tpu"),
        ("--recipe", "wild"),
        ("--ngpu", "5000"),
        ("--keep-every", "-1"),
        ("--weights", "float8"),
        ("--run", "../escape"),
        ("--run", ""),
        ("--no-such-flag", "1"),
    ],
)
def test_a_bad_flag_is_named_and_nothing_is_made(
    flag: str, value: str, here: helpers.Here, photos: Path
) -> None:
    outcome = here("train", photos, "--run", "one", *TINY, f"{flag}={value}")
    outcome.assert_refused(value if flag == "--run" else flag)
    assert list(here.workspace.iterdir()) == []


def test_a_missing_dataset_or_run_is_named(here: helpers.Here, photos: Path) -> None:
    here("train", "--run", "one").assert_refused("DATASET")
    here("train", "nowhere", "--run", "one").assert_refused("nowhere")
    here("train", photos).assert_refused("--run")
    here("train", "--run", "one", "--resume").assert_refused("no run 'one'")
    assert list(here.workspace.iterdir()) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_said(here: helpers.Here, photos: Path) -> None:
    train(here, photos, "--device", "cuda").assert_refused("no GPU", "--device cpu")


def test_a_taken_name_is_refused_and_the_run_untouched(here: helpers.Here, photos: Path) -> None:
    assert train(here, photos).code == 0
    run = helpers.run_of(here.workspace, "one")
    before = tree(run.path)
    train(here, photos, "--seed", "9").assert_refused("already a run 'one'", "--resume")
    assert tree(run.path) == before


def test_a_dry_run_shows_the_configuration_and_writes_nothing(
    here: helpers.Here, photos: Path
) -> None:
    outcome = train(here, photos, "--dry-run")
    assert outcome.code == 0
    config = json.loads(outcome.out)
    assert config["settings"]["epochs"] == 2
    assert config["settings"]["keep_every"] == 1
    assert config["dataset"]["path"] == str(photos)
    assert list(here.workspace.iterdir()) == []
    train(here, photos, "--dry-run", "--lr", "nan").assert_refused("--lr")


# The room itself ---------------------------------------------------------------------------


def test_auto_is_the_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for there, expected in ((False, "cpu"), (True, "cuda")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert devices.pick("auto").type == expected
        assert devices.pick("cpu").type == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="--device cuda"):
        devices.pick("cuda")
