"""The sandbox: single steps on a copy of a run, undo, presets, sessions."""

import hashlib
import json
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from neuroceleb.errors import UserError
from neuroceleb.model import checkpoint
from neuroceleb.model.networks import Discriminator
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace
from neuroceleb.settings import Settings
from neuroceleb.training import sandbox, sandbox_start
from neuroceleb.training.sandbox import Sandbox, Snapshot
from neuroceleb.training.sandbox_sessions import Sandboxes
from neuroceleb.training.sandbox_start import RealFaces, open_sandbox, real_faces
from neuroceleb.training.step import METRICS, train_step
from tests import helpers


@pytest.fixture(scope="module")
def real(finished: Run) -> RealFaces:
    return real_faces(finished, Workspace(finished.path.parents[1]))


@pytest.fixture
def opened(finished: Run, real: RealFaces) -> Sandbox:
    return open_sandbox(finished, real)


def numbers(box: Sandbox) -> dict[str, bytes]:
    """Every number of the networks, the optimizers and the random generator, as bytes."""
    found: dict[str, bytes] = {"rng": box._rng.get_state().numpy().tobytes()}

    def collect(name: str, value: Any) -> None:
        if isinstance(value, torch.Tensor):
            found[name] = value.contiguous().numpy().tobytes()
        elif isinstance(value, dict):
            for key, item in value.items():
                collect(f"{name}.{key}", item)

    collect("gan", box._gan.state_dict())
    return found


def changed(before: dict[str, bytes], after: dict[str, bytes]) -> set[str]:
    """The parts of the GAN whose weights differ: G, D."""
    names = {name for name in before if before[name] != after.get(name)}
    return {name.split(".")[1] for name in names if name.endswith("weight")}


def same(one: Snapshot, other: Snapshot) -> bool:
    return (
        (one.step, one.d_steps, one.g_steps, one.figures, one.answers, one.variety)
        == (other.step, other.d_steps, other.g_steps, other.figures, other.answers, other.variety)
    ) and np.array_equal(one.faces, other.faces)


def test_it_begins_with_the_runs_faces(finished: Run, opened: Sandbox) -> None:
    begin = opened.look()
    assert (begin.step, begin.d_steps, begin.g_steps, begin.undo_steps) == (0, 0, 0, 0)
    assert begin.figures == dict.fromkeys(METRICS)
    G, _ = checkpoint.load_generator(finished.weights())
    from neuroceleb.latent.seeds import z_from_seeds
    from neuroceleb.model.generator import render

    expected = render(G, z_from_seeds(range(16), G.nz))
    assert np.abs(begin.faces.astype(int) - expected).max() <= 1
    D = checkpoint.load_discriminator(finished.discriminator_file)
    with torch.no_grad():
        images = torch.from_numpy(begin.faces.copy()).permute(0, 3, 1, 2).float() / 127.5 - 1
        assert begin.answers == pytest.approx(D(images).tolist(), abs=0.02)


def test_one_network_is_trained_at_a_time(opened: Sandbox) -> None:
    start = numbers(opened)
    after_d = opened.train_d()
    middle = numbers(opened)
    assert changed(start, middle) == {"D"}
    assert {name for name, value in after_d.figures.items() if value is not None} == {
        *("loss_d", "d_x", "d_g_z1")
    }
    after_g = opened.train_g()
    assert changed(middle, numbers(opened)) == {"G"}
    assert {name for name, value in after_g.figures.items() if value is not None} == {
        *("loss_g", "d_g_z2")
    }
    assert (after_g.step, after_g.d_steps, after_g.g_steps) == (2, 1, 1)
    steps = list(opened.train(3))
    assert changed(middle, numbers(opened)) == {"G", "D"}
    assert [(s.step, s.d_steps, s.g_steps) for s in steps] == [(3, 2, 2), (4, 3, 3), (5, 4, 4)]
    assert all(value is not None for value in steps[-1].figures.values())
    assert not np.array_equal(steps[-1].faces, after_d.faces)


def test_a_step_of_both_is_the_trainings_step(finished: Run, real: RealFaces) -> None:
    ours, theirs = open_sandbox(finished, real), open_sandbox(finished, real)
    theirs._gan.G.train()
    theirs._gan.D.train()
    batch, z = theirs._batch()
    metrics = train_step(theirs._gan, batch, z, theirs._config, theirs._rng)
    (step,) = ours.train(1)
    assert list(step.figures.values()) == metrics.tolist()
    assert numbers(ours) == numbers(theirs)


@pytest.mark.parametrize("preset", [None, *sandbox_start.PRESETS])
def test_undo_restores_every_byte(finished: Run, real: RealFaces, preset: str | None) -> None:
    box = open_sandbox(finished, real, preset=preset)
    states, shown = [numbers(box)], [box.look()]
    for train in (box.train_d, lambda: list(box.train(3))[-1], box.train_g):
        shown.append(train())
        states.append(numbers(box))
    for undone in (2, 1, 0):
        assert same(box.undo(), shown[undone])
        assert numbers(box) == states[undone]
    with pytest.raises(UserError, match="no step left to undo"):
        box.undo()
    # The same steps again give the same numbers: the random numbers were restored as well.
    assert same(box.train_d(), shown[1])
    assert same(list(box.train(3))[-1], shown[2])
    assert numbers(box) == states[2]


def test_the_history_is_bounded(opened: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    opened.train_d()
    opened.train_d()
    one = opened.bytes
    opened.train_d()
    # G did not change: only D and its optimizer are stored again.
    grown, parts = opened.bytes - one, opened._gan.state_dict()
    d_only = sum(sandbox._tensor_bytes(parts[name], set()) for name in ("D", "adam_d"))
    assert d_only * 0.9 < grown < d_only * 1.2
    monkeypatch.setattr(sandbox, "MAX_UNDO", 2)
    assert opened.train_g().undo_steps == 2
    monkeypatch.setattr(sandbox, "MAX_HISTORY_BYTES", d_only // 4)
    assert opened.train_g().undo_steps == 0


def test_the_runs_files_are_never_touched(finished: Run, real: RealFaces) -> None:
    def digests() -> dict[str, tuple[str, int]]:
        return {
            path.name: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
            for path in finished.path.iterdir()
        }

    before = digests()
    box = open_sandbox(finished, real, epoch=0)
    list(box.train(2))
    box.undo()
    assert digests() == before


def test_a_second_call_is_refused_while_one_trains(opened: Sandbox) -> None:
    steps = opened.train(2)
    next(steps)
    for call in (opened.look, opened.train_d, opened.train_g, opened.undo):
        with pytest.raises(UserError, match="still training"):
            call()
    steps.close()  # the page went away
    assert opened.look().step == 1
    assert opened.undo().step == 0
    for count in (0, 101):
        with pytest.raises(UserError, match="use 1 to 100"):
            next(opened.train(count))


def test_calls_from_several_threads_do_not_mix(opened: Sandbox) -> None:
    refused: list[UserError] = []

    def train() -> None:
        try:
            opened.train_d()
        except UserError as error:
            refused.append(error)

    threads = [threading.Thread(target=train) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert opened.look().d_steps == 4 - len(refused)


# Presets -----------------------------------------------------------------------------------


def test_the_presets_change_what_they_name(finished: Run, real: RealFaces) -> None:
    plain = open_sandbox(finished, real)
    fast = open_sandbox(finished, real, preset="fast_d")
    rates = [box._gan.adam_d.param_groups[0]["lr"] for box in (plain, fast)]
    assert rates[1] == pytest.approx(10 * rates[0])
    assert fast._gan.adam_g.param_groups[0]["lr"] == plain._gan.adam_g.param_groups[0]["lr"]
    fixed = open_sandbox(finished, real, preset="fixed_z")
    assert torch.equal(fixed._batch()[1], fixed._batch()[1])
    assert not torch.equal(plain._batch()[1], plain._batch()[1])
    one = open_sandbox(finished, real, preset="one_face")._batch()[0]
    assert torch.equal(one, one[:1].expand_as(one))
    with pytest.raises(UserError, match="no preset 'explode'"):
        open_sandbox(finished, real, preset="explode")


def test_without_batchnorm_the_faces_are_the_same_at_first(finished: Run, real: RealFaces) -> None:
    plain, merged = (
        open_sandbox(finished, real),
        open_sandbox(finished, real, preset="no_batchnorm"),
    )
    for network in (merged._gan.G, merged._gan.D):
        assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in network.modules())
        assert all(parameter.requires_grad for parameter in network.parameters())
    one, other = plain.look(), merged.look()
    assert np.abs(one.faces.astype(int) - other.faces).max() <= 1
    assert one.answers == pytest.approx(other.answers, abs=1e-3)


def test_collapse_and_divergence_are_named(opened: Sandbox) -> None:
    with torch.no_grad():
        for step in range(8):
            opened._counts["both"] = step + 1
            opened._gan.G.main[12].weight.mul_(0.0 if step == 0 else 1.0)  # every face is grey
            opened._rows = (
                *({**opened._rows[0], "epoch": n, "sample_nearest": 0.9} for n in range(3)),
                *opened._rows[3:],
            )
            opened._record({"loss_d": 1.0, "loss_g": 1.0})
    found = opened.look().verdict
    assert found is not None
    assert found.kind == "collapse"
    assert "steps 4 to 8" in str(found.sentence)
    with torch.no_grad():
        opened._gan.G.main[12].weight.fill_(float("nan"))
    (broken,) = opened.train(1)
    assert broken.verdict is not None
    assert broken.verdict.kind == "diverged"
    assert broken.figures["loss_g"] is None
    assert np.isfinite(broken.answers).all()
    assert opened.undo().verdict is not None


# Opening -----------------------------------------------------------------------------------


def test_a_run_of_each_norm_is_opened(tmp_path: Path, finished: Run, real: RealFaces) -> None:
    shutil.copytree(finished.path, tmp_path / "spectral")
    run = Run(tmp_path / "spectral")
    config = run.config()
    config["settings"] |= {"d_norm": "spectral"}
    (run.path / "config.json").write_text(json.dumps(config))
    D = Discriminator(4, norm="none")
    checkpoint.save_weights(run.discriminator_file, D, {})
    box = open_sandbox(run, real)
    assert box._gan.D.norm == "spectral"
    (step,) = box.train(1)
    assert step.figures["loss_d"] is not None
    # The stored weights are normalized ones; a convolution of norm 1 stays as it is.
    weight = box._gan.D.main[0].weight.detach()
    assert float(torch.linalg.matrix_norm(weight.flatten(1), 2)) == pytest.approx(1, abs=0.05)
    assert open_sandbox(run, real, preset="no_batchnorm")._gan.D.norm == "spectral"


def test_what_cannot_be_opened_is_refused(
    tmp_path: Path, finished: Run, real: RealFaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="kept no epoch 99"):
        open_sandbox(finished, real, 99)
    monkeypatch.setattr(sandbox_start, "MAX_WIDTH", 3)
    with pytest.raises(UserError, match="up to width 3, and this run's is 4"):
        open_sandbox(finished, real)
    monkeypatch.undo()
    shutil.copytree(finished.path, tmp_path / "no-d")
    Run(tmp_path / "no-d").discriminator_file.unlink()
    with pytest.raises(UserError, match="'no-d' has no discriminator"):
        open_sandbox(Run(tmp_path / "no-d"), real)


def test_real_faces_come_from_the_dataset_the_sheet_or_the_generator(
    tmp_path: Path, finished: Run, real: RealFaces
) -> None:
    assert real.origin == "dataset"
    assert real.faces.shape == (helpers.PHOTOS, 64, 64, 3)
    shutil.copytree(finished.path, tmp_path / "checkpoints" / "alone")
    run = Run(tmp_path / "checkpoints" / "alone")
    config = run.config()
    config["dataset"]["path"] = "gone.zip"
    (run.path / "config.json").write_text(json.dumps(config))
    from_sheet = real_faces(run, Workspace(tmp_path))
    assert from_sheet.origin == "sheet"
    assert from_sheet.faces.shape == (8, 64, 64, 3)  # a batch
    differences = np.abs(from_sheet.faces[0].astype(int) - real.faces).max((1, 2, 3))
    assert differences.min() == 0 or Settings.from_json(config["settings"]).flip == "yes"
    run.real_sheet_file().unlink()
    generated = real_faces(run, Workspace(tmp_path))
    assert generated.origin == "generated"
    assert generated.faces.shape == (128, 64, 64, 3)
    (step,) = open_sandbox(run, generated).train(1)
    assert step.step == 1


# Sessions ----------------------------------------------------------------------------------


def test_a_session_has_one_sandbox_and_few_are_open(finished: Run, real: RealFaces) -> None:
    now = [0.0]
    boxes = Sandboxes(most=2, expiry_s=100, clock=lambda: now[0])
    first, second, third = (open_sandbox(finished, real) for _ in range(3))
    boxes.put("a", first)
    boxes.put("b", second)
    assert boxes.get("a") is first
    boxes.put("c", third)  # b was used least
    with pytest.raises(UserError, match="open it again"):
        boxes.get("b")
    boxes.put("a", second)
    assert (boxes.get("a"), len(boxes)) == (second, 2)
    now[0] = 60
    boxes.get("a")
    now[0] = 120
    boxes.drop_expired()
    assert len(boxes) == 1
    with pytest.raises(UserError, match="open it again"):
        boxes.get("c")
    boxes.close("a")
    boxes.close("nobody")
    assert len(boxes) == 0


def test_the_sandboxes_of_a_run_are_closed_together(opened: Sandbox) -> None:
    boxes = Sandboxes(most=3)
    for session, run in (("a", "first"), ("b", "second"), ("c", "first")):
        boxes.put(session, opened, run)
    boxes.put("a", opened, "second")  # the session's former one is gone
    boxes.close_of({"first", "nowhere"})
    assert len(boxes) == 2
    with pytest.raises(UserError, match="open it again"):
        boxes.get("c")
    boxes.close_of(["second"])
    assert len(boxes) == 0


def test_an_idle_sandbox_is_dropped_by_a_timer(opened: Sandbox) -> None:
    boxes = Sandboxes(expiry_s=0.05)
    boxes.put("a", opened)
    deadline = time.monotonic() + helpers.PATIENCE_S
    while len(boxes) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(boxes) == 0
