"""What is told before a training begins: measured, checked, and nothing left behind."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from neuroceleb.data import dataset, holdout
from neuroceleb.errors import UserError
from neuroceleb.runs import device_lock, jobs
from neuroceleb.runs.workspace import Workspace
from neuroceleb.settings import Settings
from neuroceleb.training import estimate, measurement, step_function
from tests import helpers


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measurement, "MEASURE_S", 0.1)


def tiny(**more: Any) -> Settings:
    return Settings.checked(
        **{"ngf": 4, "ndf": 4, "nz": 8, "batch_size": 8, "device": "cpu"} | more
    )


def kinds(found: dict[str, Any]) -> set[str]:
    return {problem["kind"] for problem in found["problems"]}


def fatal(found: dict[str, Any]) -> set[str]:
    return {problem["kind"] for problem in found["problems"] if problem["is_fatal"]}


def test_all_is_measured_and_no_run_is_made(tmp_path: Path, photos: Path) -> None:
    found = estimate.estimate(Workspace(tmp_path), "one", str(photos), tiny(epochs=100))
    assert found["faces"] == helpers.PHOTOS
    assert found["device"] == "CPU"
    assert found["images_per_second"] > 0
    assert found["epoch_end_seconds"] > 0
    an_epoch = 40 / found["images_per_second"] + found["epoch_end_seconds"]
    assert found["seconds"] == pytest.approx(100 * an_epoch, rel=0.01)
    assert found["batch_size"] == 8
    assert found["memory_mb"] > 10
    assert kinds(found) == {"few_faces"}
    assert fatal(found) == set()
    assert not (tmp_path / "checkpoints").exists()
    lines = list(estimate.sentences(found))
    assert any("images/s" in line for line in lines)
    json.dumps(found)


@pytest.mark.slow
def test_quick_evaluations_are_part_of_an_epoch(tmp_path: Path, photos: Path) -> None:
    def epoch_end(every: int) -> float:
        settings = tiny(evaluate_every=every)
        found = estimate.estimate(Workspace(tmp_path), "one", str(photos), settings)
        return float(found["epoch_end_seconds"])

    assert epoch_end(1) > 3 * epoch_end(0)


def test_held_out_faces_are_not_trained_on(tmp_path: Path, photos: Path) -> None:
    data = dataset.load(photos, tmp_path)
    trained_on = len(data) - int(holdout.held_out(data.pixels, 0.5).sum())
    for given, epochs in (({"epochs": 10}, 10), ({"images": 1_000}, -(-1_000 // trained_on))):
        settings = tiny(holdout=0.5, **given)
        found = estimate.estimate(Workspace(tmp_path), "one", str(photos), settings)
        an_epoch = trained_on / found["images_per_second"] + found["epoch_end_seconds"]
        assert found["seconds"] == pytest.approx(epochs * an_epoch, rel=0.01)


def test_a_holdout_that_leaves_no_face_is_a_problem(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holdout, "held_out", lambda pixels, _share: np.ones(len(pixels), np.bool_))
    found = estimate.estimate(Workspace(tmp_path), "one", str(photos), tiny(holdout=0.5))
    assert fatal(found) == {"dataset"}
    assert found["seconds"] is None


def test_the_disk_it_needs_is_near_what_a_run_takes(finished: Any, tmp_path: Path) -> None:
    settings = Settings.from_json(finished.config()["settings"])
    source = finished.config()["dataset"]["path"]
    found = estimate.estimate(Workspace(tmp_path), "one", source, settings)
    written = sum(path.stat().st_size for path in finished.path.iterdir())
    assert 0.5 * written < found["disk_bytes"] < 3 * written


def test_what_stands_in_the_way_is_told_all_at_once(
    finished: Any, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(finished.path.parent.parent)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    found = estimate.estimate(workspace, "first", "nowhere", tiny(device="cuda"))
    assert fatal(found) == {"name", "device", "dataset"}
    assert found["faces"] is None
    assert found["images_per_second"] is None
    for problem in found["problems"]:
        assert problem["sentence"].endswith(".")


def test_too_little_room_and_many_bad_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = helpers.write_photos(tmp_path / "some", 6)
    for index in range(3):
        (folder / f"bad{index}.jpg").write_bytes(b"no photo")
    usage = type("Usage", (), {"free": 1_000})
    monkeypatch.setattr(estimate.shutil, "disk_usage", lambda _: usage)
    found = estimate.estimate(Workspace(tmp_path), "one", str(folder), tiny())
    assert kinds(found) == {"few_faces", "skipped", "disk"}
    assert fatal(found) == {"disk"}
    assert found["skipped"] == 3


def test_a_busy_device_is_named(tmp_path: Path, photos: Path) -> None:
    workspace = Workspace(tmp_path)
    with device_lock.locked(workspace, "cpu", "other"):
        found = estimate.estimate(workspace, "one", str(photos), tiny())
    assert kinds(found) == {"few_faces", "busy"}
    assert any("'other'" in problem["sentence"] for problem in found["problems"])


def test_what_would_fit_into_memory_is_found(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, limit = step_function.train_step, 2

    def small(gan: Any, real: torch.Tensor, *rest: Any) -> torch.Tensor:
        if len(real) > limit:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return step(gan, real, *rest)

    monkeypatch.setattr(step_function, "train_step", small)
    found = estimate.estimate(Workspace(tmp_path), "one", str(photos), tiny())
    assert found["batch_size"] == 2
    assert "memory" in kinds(found) - fatal(found)
    limit = 0
    found = estimate.estimate(Workspace(tmp_path), "one", str(photos), tiny())
    assert fatal(found) == {"memory"}
    assert found["seconds"] is None


@pytest.mark.slow
def test_the_page_asks_in_a_process_of_its_own(tmp_path: Path, photos: Path) -> None:
    workspace = Workspace(tmp_path)
    found = jobs.estimate(workspace, "-", str(photos), tiny(epochs=3))
    assert found["faces"] == helpers.PHOTOS
    assert fatal(found) == {"name"}
    assert found["images_per_second"] > 0
    with pytest.raises(UserError, match="out of bounds"):
        jobs.estimate(workspace, "one", str(photos), Settings(epochs=-1, device="cpu"))


def test_few_faces_are_judged_by_the_start() -> None:
    def text(count: int, *, from_model: bool) -> str:
        message = estimate._few_faces(count, from_model=from_model)
        return "" if message is None else str(message)

    assert "far too few" in text(40, from_model=False)
    assert "far too few" not in text(40, from_model=True)
    assert "stay recognisable" in text(40, from_model=True)
    assert text(500, from_model=True) == text(500, from_model=False) != ""
    assert text(1_000, from_model=False) == ""
