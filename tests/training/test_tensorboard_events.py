"""`train --tensorboard`: event files that TensorBoard's own reader reads."""

import importlib.util
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neuroceleb import images
from neuroceleb.runs.run import Run
from neuroceleb.training import tensorboard_events
from tests import helpers

has_tensorboard = importlib.util.find_spec("tensorboard") is not None
needs_tensorboard = pytest.mark.skipif(not has_tensorboard, reason="tensorboard is not installed")
# Of protobuf and TensorBoard itself.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


def test_the_figures_of_a_row_that_are_numbers() -> None:
    row = {
        "epoch": 3,
        "loss_d": 0.5,
        "loss_g": float("nan"),
        "resumed": True,
        "quality": {"swd": 12.0, "by": "x"},
    }
    assert dict(tensorboard_events.scalars(row)) == {"train/loss_d": 0.5, "quality/swd": 12.0}


@pytest.mark.skipif(has_tensorboard, reason="tensorboard is installed")
def test_without_the_package_it_is_refused_before_the_start(
    here: helpers.Here, photos: Path
) -> None:
    outcome = here("train", photos, "--run", "one", *helpers.TINY, "--tensorboard")
    outcome.assert_refused("The package tensorboard is missing")
    assert not (here.workspace / "checkpoints" / "one").exists()


@needs_tensorboard
def test_a_training_is_read_back_by_tensorboard(here: helpers.Here, photos: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    outcome = here("train", photos, "--run", "one", "--epochs", "3", *helpers.TINY, "--tensorboard")
    assert outcome.code == 0, outcome.err
    run = helpers.run_of(here.workspace, "one")
    read = EventAccumulator(str(run.path / "tensorboard")).Reload()
    for name in ("loss_d", "loss_g", "d_x", "d_g_z1", "d_g_z2", "sample_nearest"):
        found = [(event.step, event.value) for event in read.Scalars(f"train/{name}")]
        expected = [(row["epoch"], np.float32(row[name])) for row in run.stats()]
        assert found == expected, name
    sheets = read.Images("samples")
    assert [sheet.step for sheet in sheets] == [0, 1, 2]
    for sheet, path in zip(sheets, run.sheets().values(), strict=True):
        with Image.open(io.BytesIO(sheet.encoded_image_string)) as decoded:
            assert decoded.format == "JPEG"
            differences = np.abs(np.asarray(decoded).astype(int) - images.load(path))
        assert (sheet.height, sheet.width) == differences.shape[:2]
        assert differences.mean() < 6  # of 255


@needs_tensorboard
def test_a_repeated_epoch_replaces_the_one_before(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run, sheet = Run(tmp_path), np.zeros((66, 66, 3), np.uint8)
    for epoch, loss in ((0, 1.0), (1, 2.0), (1, 3.0), (2, 4.0)):
        tensorboard_events.write(run, {"epoch": epoch, "loss_d": loss}, sheet)
    read = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    found = [(event.step, event.value) for event in read.Scalars("train/loss_d")]
    assert found == [(0, 1.0), (1, 3.0), (2, 4.0)]


def test_by_default_there_are_no_events(finished: Run) -> None:
    assert not (finished.path / "tensorboard").exists()
