"""What a visitor asks for: checked, drawn and packed."""

import dataclasses
import io
import json
import threading
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from neuroceleb.app import faces
from neuroceleb.errors import UserError
from neuroceleb.latent.seeds import MAX_SEED, z_from_seeds
from neuroceleb.model import checkpoint, generator
from neuroceleb.runs.workspace import Workspace, create_run
from tests import helpers

NZ = 8


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Two runs: `kept`, with weights of epochs 0 and 3, and `fresh`, with none yet."""
    made = Workspace(tmp_path_factory.mktemp("workspace"))
    run = create_run(made, "kept", {})
    for epoch in (0, 3):
        network = helpers.random_generator(NZ, seed=epoch)
        checkpoint.save_weights(run.weights_file(epoch), network, {})
    create_run(made, "fresh", {})
    return made


def request_of(workspace: Workspace, **changes: Any) -> faces.FaceRequest:
    request = {"model": "kept", "epoch": None, "seed": 42, "count": 3, "truncation": 1.0}
    return faces.read_request(workspace, **request | changes)


def test_an_order_of_numbers_or_text(workspace: Workspace) -> None:
    by_default = request_of(workspace)
    assert (by_default.epoch, by_default.seeds, by_default.truncation) == (3, range(42, 45), 1.0)
    assert by_default.weights.name == "netG_epoch_003.safetensors"
    texts = {"epoch": "0", "seed": "7", "count": "2", "truncation": "0.5"}
    as_text = request_of(workspace, **texts)
    assert as_text == request_of(workspace, epoch=0, seed=7.0, count=2, truncation=0.5)


def test_only_runs_with_weights_are_models(workspace: Workspace) -> None:
    assert [run.name for run in faces.models(workspace)] == ["kept"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": None}, "No model is chosen"),
        ({"model": ["kept"]}, "No model is chosen"),
        ({"model": "../kept"}, "not a name"),
        ({"model": "nobody"}, "no run 'nobody'"),
        ({"model": "fresh"}, "kept no weights yet"),
        ({"epoch": 1}, "kept no epoch 1: it kept 0, 3"),
        ({"epoch": 0.5}, "epoch must be a whole number, not 0.5"),
        ({"seed": None}, "The seed is missing"),
        ({"seed": ""}, "The seed is missing"),
        ({"seed": -1}, "seed is out of range"),
        ({"seed": MAX_SEED}, "out of range"),
        ({"seed": 10**30}, "more than 20 digits"),
        ({"seed": "1e3"}, "'1e3' is not a number"),
        ({"seed": "٣"}, "is not a number"),
        ({"seed": True}, "'True' is not a number"),
        ({"seed": float("nan")}, "'nan' is not a number"),
        ({"seed": {"a": 1}}, "is not a number"),
        ({"count": 0}, "faces is out of range: use a whole number from 1 to 256, not 0"),
        ({"count": 257}, "from 1 to 256, not 257"),
        ({"truncation": -0.1}, "Truncation -0.1 is out of range"),
        ({"truncation": 2.01}, "Truncation 2.01 is out of range"),
        ({"truncation": "much"}, "'much' is not a number"),
    ],
)
def test_what_is_not_good_is_refused_in_a_sentence(
    changes: dict[str, Any], words: str, workspace: Workspace
) -> None:
    with pytest.raises(UserError, match="(?i)" + words.replace("(", "\\(")) as refused:
        request_of(workspace, **changes)
    assert len(str(refused.value)) < 300


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(ANYTHING, ANYTHING, ANYTHING, ANYTHING)
def test_whatever_is_sent_there_is_an_order_or_a_sentence(
    workspace: Workspace, epoch: Any, seed: Any, count: Any, truncation: Any
) -> None:
    try:
        read = request_of(workspace, epoch=epoch, seed=seed, count=count, truncation=truncation)
    except UserError:
        return
    assert 1 <= len(read.seeds) <= faces.MAX_COUNT
    assert 0 <= read.seeds[0] <= read.seeds[-1] <= MAX_SEED
    assert 0 <= read.truncation <= 2


@given(ANYTHING)
def test_whatever_is_handed_over_there_is_a_z_or_a_sentence(face: Any) -> None:
    for given_face in (face, {"seed": face}, {"z": face}, {"seed": 1, "truncation": face}):
        try:
            z = faces.read_z(given_face, NZ)
        except UserError:
            continue
        assert z.shape == (NZ,)
        assert np.isfinite(z).all()


def test_a_z_by_its_seed_or_its_numbers() -> None:
    z = faces.read_z({"seed": 42, "truncation": 0.5, "model": "kept"}, NZ)
    assert np.array_equal(z, z_from_seeds([42], NZ, 0.5)[0])
    assert np.array_equal(faces.read_z({"z": z.tolist()}, NZ), z)
    for bad in ([0.0] * (NZ - 1), [0.0] * (NZ - 1) + [10.5], "0" * NZ, []):
        with pytest.raises(UserError, match="8 numbers from -10 to 10"):
            faces.read_z({"z": bad}, NZ)


def test_faces_are_the_generators_own(workspace: Workspace) -> None:
    request = request_of(workspace, epoch=0, truncation=0.7)
    model = generator.load(request.weights)
    wanted = model.images(z_from_seeds([42, 43, 44], NZ, 0.7))
    assert np.array_equal(faces.draw(request), wanted)


def test_every_png_carries_the_recipe_that_makes_it_again(workspace: Workspace) -> None:
    packed = dict(faces.pngs(request_of(workspace, truncation=0.7)))
    assert list(packed) == ["seed_0042.png", "seed_0043.png", "seed_0044.png"]
    for name, data in packed.items():
        image = Image.open(io.BytesIO(data))
        recipe = json.loads(image.text["neuroceleb"])
        assert name == f"seed_{recipe['seed']:04d}.png"
        assert recipe["sha256"] == generator.load(workspace.run("kept").weights(3)).sha256
        again = request_of(
            workspace,
            count=1,
            **{key: recipe[key] for key in ("model", "epoch", "seed", "truncation")},
        )
        assert np.array_equal(np.asarray(image), faces.draw(again)[0])


def test_the_zip_holds_the_same_files_and_is_the_same_every_time(workspace: Workspace) -> None:
    request = request_of(workspace)
    archive = faces.archive(request)
    assert faces.archive(request) == archive
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        assert {name: file.read(name) for name in file.namelist()} == dict(faces.pngs(request))
    assert faces.archive_name(request) == "kept_epoch_003_seeds_42-44.zip"
    some = dataclasses.replace(request, seeds=(18, 35, 24))
    assert faces.archive_name(some) == "kept_epoch_003_seeds_3_of_18-35.zip"


def test_a_weights_file_that_vanished_is_said(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone\.safetensors cannot be read"):
        faces.weights_sha256(tmp_path / "gone.safetensors")


def test_warming_up_waits_for_a_model_until_the_app_ends(tmp_path: Path) -> None:
    closed = threading.Event()
    waiting = threading.Thread(target=faces.warm_up, args=(Workspace(tmp_path), closed))
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    closed.set()
    waiting.join(30)
    assert not waiting.is_alive()
