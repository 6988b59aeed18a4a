"""Contract 3: one seed, one face, to the byte, whatever stands beside it."""

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from neuroceleb import images
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.latent.seeds import MAX_SEED, z_from_seeds
from neuroceleb.model import checkpoint, generator
from neuroceleb.model.generator import BATCH
from tests import helpers

SEEDS = [*range(64), 99, 12_345, MAX_SEED]


@pytest.fixture(scope="module", params=["float32", "float16"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a generator wide enough for kernels to differ by batch size."""
    path = tmp_path_factory.mktemp("model") / "netG.safetensors"
    network = helpers.random_generator(nz=100, ngf=16)
    checkpoint.save_weights(path, network, {"run": "mine", "epoch": 3}, request.param)
    return path


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tiny") / "netG.pth"
    checkpoint.save_pth(path, helpers.random_generator(nz=2, ngf=1))
    return path


@pytest.fixture(scope="module")
def faces(model: Path) -> dict[int, Pixels]:
    """Every seed's face, each drawn alone."""
    loaded = generator.load(model)
    return {seed: draw(loaded, [seed])[0] for seed in SEEDS}


def draw(model: generator.Model, seeds: list[int]) -> Pixels:
    return model.images(z_from_seeds(seeds, model.nz))


def test_faces_differ_and_are_no_flat_colour(faces: dict[int, Pixels]) -> None:
    """Else the tests below would show nothing."""
    assert len({face.tobytes() for face in faces.values()}) == len(SEEDS)
    assert all(face.std() > 10 for face in faces.values())


@pytest.mark.parametrize("size", [1, 2, 7, BATCH, BATCH + 1, 64, 67])
def test_one_seed_one_face_whatever_the_batch(
    size: int, model: Path, faces: dict[int, Pixels]
) -> None:
    loaded = generator.load(model)
    for start in range(0, len(SEEDS), size):
        part = SEEDS[start : start + size]
        for seed, face in zip(part, draw(loaded, part), strict=True):
            np.testing.assert_array_equal(face, faces[seed])


@settings(max_examples=15, deadline=None)
@given(seeds=st.lists(st.sampled_from(SEEDS), min_size=1, max_size=20))
def test_one_seed_one_face_at_any_place_in_any_company(
    model: Path, faces: dict[int, Pixels], seeds: list[int]
) -> None:
    for seed, face in zip(seeds, draw(generator.load(model), seeds), strict=True):
        np.testing.assert_array_equal(face, faces[seed])


@pytest.mark.slow
@pytest.mark.parametrize("threads", ["1", "2"])
def test_one_seed_one_face_in_another_process(
    threads: str, model: Path, faces: dict[int, Pixels]
) -> None:
    code = (
        "import sys, hashlib; from pathlib import Path\n"
        "from neuroceleb.model import generator; from neuroceleb.latent import seeds as latent\n"
        "model = generator.load(Path(sys.argv[1]))\n"
        "seeds = list(map(int, sys.argv[2:]))\n"
        "print(hashlib.sha256(model.images(latent.z_from_seeds(seeds, 100)).data).hexdigest())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, model, *map(str, SEEDS)],
        env={**os.environ, "OMP_NUM_THREADS": threads, "PYTHONPATH": str(helpers.ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    expected = np.stack([faces[seed] for seed in SEEDS])
    assert done.stdout.strip() == hashlib.sha256(expected.data).hexdigest()


def test_pixels_are_the_networks_rounded(model: Path, faces: dict[int, Pixels]) -> None:
    network, _ = checkpoint.load_generator(model)
    z = torch.from_numpy(z_from_seeds(SEEDS, 100))[:, :, None, None]
    with torch.no_grad():
        levels = (network.double()(z.double()) + 1) * 127.5
    exact = levels.permute(0, 2, 3, 1).numpy()
    drawn = np.stack([faces[seed] for seed in SEEDS])
    # Rounded, not cut: half a level away at most (and a little, for single precision).
    assert np.abs(drawn - exact).max() < 0.51


@given(st.lists(st.floats(-1.5, 1.5, width=32), min_size=1, max_size=20))
def test_a_pixel_is_rounded_and_clamped(values: list[float]) -> None:
    row = torch.tensor(values).reshape(1, 1, 1, -1).expand(1, 3, 1, -1)
    found = generator.to_pixels(row)
    assert found.shape == (1, 1, len(values), 3)
    exact = np.clip((np.asarray(values, np.float64) + 1) * 127.5, 0, 255)
    assert np.abs(found[0, 0, :, 0] - exact).max() <= 0.5 + 1e-4


def test_the_ends_of_the_scale() -> None:
    ends = torch.tensor([-1.0, 0.0, 1.0]).reshape(1, 1, 1, 3).expand(1, 3, 1, 3)
    assert generator.to_pixels(ends)[0, 0, :, 0].tolist() == [0, 128, 255]


def test_drawing_moves_nothing_and_leaves_training_on() -> None:
    network = helpers.random_generator().train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    z = z_from_seeds(range(20), 8)
    in_training = generator.render(network, z)
    assert network.training
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    np.testing.assert_array_equal(in_training, generator.render(network.eval(), z))
    assert not network.training


def test_no_face_is_no_face() -> None:
    network = helpers.random_generator()
    assert generator.render(network, np.empty((0, 8), np.float32)).shape == (0, 64, 64, 3)


@pytest.mark.parametrize(
    "z", [np.zeros((2, 9)), np.zeros(8), np.zeros((1, 8, 1)), np.full((1, 8), np.nan)]
)
def test_a_z_of_another_shape_is_refused(z: np.ndarray) -> None:
    with pytest.raises(UserError, match="A z of this model is 8 finite numbers"):
        generator.render(helpers.random_generator(), z.astype(np.float32))


def test_a_model_is_read_once_and_again_when_its_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "netG.safetensors"
    checkpoint.save_weights(path, helpers.random_generator(seed=1), {})
    first = generator.load(path)
    assert generator.load(path) is first
    checkpoint.save_weights(path, helpers.random_generator(seed=2), {})
    os.utime(path, ns=(time.time_ns(), time.time_ns() + 1))
    second = generator.load(path)
    assert second is not first
    assert second.sha256 == hashlib.sha256(path.read_bytes()).hexdigest() != first.sha256
    assert not np.array_equal(draw(first, [1]), draw(second, [1]))


def test_few_models_stay_in_memory(tmp_path: Path) -> None:
    for number in range(generator.MAX_LOADED + 3):
        path = tmp_path / f"{number}.safetensors"
        checkpoint.save_weights(path, helpers.random_generator(nz=2, ngf=1), {})
        generator.load(path)
    assert len(generator._loaded) == generator.MAX_LOADED


def test_large_models_stay_fewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / f"{number}.safetensors" for number in range(5)]
    for path in paths:
        checkpoint.save_weights(path, helpers.random_generator(nz=8, ngf=4), {})
    size = generator.load(paths[0]).bytes
    assert size > 2 * 4 * 8 * 32 * 16  # the first convolution alone, twice
    monkeypatch.setattr(generator, "MAX_LOADED_BYTES", 2 * size)
    models = [generator.load(path) for path in paths]
    assert len(generator._loaded) == 2
    assert generator.load(paths[-1]) is models[-1]
    monkeypatch.setattr(generator, "MAX_LOADED_BYTES", 1)
    assert generator.load(paths[0]) is not models[0]
    assert len(generator._loaded) == 1


def test_concurrent_requests_for_a_model_load_it_once(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator._loaded.clear()
    reads = []
    read = generator._load
    monkeypatch.setattr(generator, "_load", lambda path: (reads.append(path), read(path))[1])
    with ThreadPoolExecutor(8) as pool:
        models = list(pool.map(generator.load, [model] * 16))
    assert reads == [model]
    assert len({id(one) for one in models}) == 1


def test_every_waiting_thread_gets_the_error_of_a_damaged_model(tmp_path: Path) -> None:
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(b"nothing")
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(generator.load, path) for _ in range(16)]
    assert all(isinstance(answer.exception(), UserError) for answer in answers)
    checkpoint.save_weights(path, helpers.random_generator(), {})
    assert generator.load(path).nz == 8


def test_a_long_request_does_not_block_others(model: Path) -> None:
    loaded = generator.load(model)
    ended = threading.Event()
    begun = threading.Event()

    def long_request() -> int:
        drawn = 0
        for faces in loaded.frames(z_from_seeds(range(200), 100).repeat(100, axis=0)):
            drawn += len(faces)
            begun.set()
            if ended.is_set():
                break
        return drawn

    with ThreadPoolExecutor(1) as pool:
        drawn = pool.submit(long_request)
        assert begun.wait(helpers.PATIENCE_S)
        for seed in range(20):
            assert draw(loaded, [seed]).shape == (1, 64, 64, 3)
        ended.set()
    assert drawn.result() < 20_000  # it was not done when all twenty had theirs


@pytest.mark.parametrize("ngf", [4, 16])
def test_folded_layers_equal_the_network_but_for_rounding(ngf: int) -> None:
    network = helpers.random_generator(nz=100, ngf=ngf)
    z = torch.from_numpy(z_from_seeds(range(8), 100))[:, :, None, None]
    with torch.no_grad():
        expected = network.double()(z.double())
        folded = generator.fold_batchnorm(network.float())
        found = folded(z)
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in folded)
    assert (found - expected).abs().max() < 2e-5


def test_one_batch_size_is_used_where_others_round_differently(
    model: Path, faces: dict[int, Pixels], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a device whose kernels sum in another order for another batch size."""
    exact = generator._forward
    sizes = []

    def depending_on_size(layers: torch.nn.Sequential, z: np.ndarray, size: int) -> torch.Tensor:
        sizes.append(size)
        return exact(layers, z, size) + (size - BATCH) * 0.01

    monkeypatch.setattr(generator, "_tested_batch_sizes", {})
    monkeypatch.setattr(generator, "_forward", depending_on_size)
    loaded = generator.load(model)
    drawn = draw(loaded, SEEDS)
    tested = len(sizes)
    np.testing.assert_array_equal(draw(loaded, SEEDS[:3]), np.stack([faces[s] for s in range(3)]))
    np.testing.assert_array_equal(drawn, np.stack([faces[seed] for seed in SEEDS]))
    assert sizes[tested:] == [BATCH]


def test_a_grey_model_is_refused(tmp_path: Path) -> None:
    checkpoint.save_pth(tmp_path / "grey.pth", helpers.random_generator(nc=1))
    with pytest.raises(UserError, match=r"grey\.pth is for images of 1 channels"):
        generator.load(tmp_path / "grey.pth")


# On the command line -----------------------------------------------------------------------


def test_sample_into_a_folder_gives_the_generators_own_pixels(
    model: Path, faces: dict[int, Pixels], here: helpers.Here, tmp_path: Path
) -> None:
    out = tmp_path / "made" / "if need be"
    outcome = here("sample", model, "--seeds", "0-8,99,12345", "--out", out, "--json")
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out) == {"out": str(out), "model": str(model), "faces": 11}
    names = [f"seed_{seed:04d}.png" for seed in (*range(9), 99, 12_345)]
    assert sorted(path.name for path in out.iterdir()) == sorted(names)
    for name in names:
        with Image.open(out / name) as image:
            assert (image.size, image.mode, image.format) == ((64, 64), "RGB", "PNG")
            seed = int(name[5:-4])
            np.testing.assert_array_equal(np.asarray(image), faces[seed])
            recipe = json.loads(image.info["neuroceleb"])
        assert recipe["seed"] == seed
        assert recipe["truncation"] == 1.0
        assert (recipe["model"], recipe["epoch"]) == ("mine", 3)
        assert recipe["sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()


def test_files_are_the_same_to_the_byte_from_the_real_command_line(
    model: Path, here: helpers.Here, tmp_path: Path
) -> None:
    for out in ("one", "other"):
        assert here("sample", model, "--seeds", "5,3,4", "--out", tmp_path / out).code == 0
    outcome = helpers.command(tmp_path, "sample", model, "--seeds", "0-20", "--out", "third")
    assert outcome.code == 0, outcome.err
    for seed in (3, 4, 5):
        blobs = {(tmp_path / out / f"seed_{seed:04d}.png").read_bytes() for out in ("one", "other")}
        assert blobs == {(tmp_path / "third" / f"seed_{seed:04d}.png").read_bytes()}


def test_sample_into_a_sheet(model: Path, here: helpers.Here, tmp_path: Path) -> None:
    faces = draw(generator.load(model), [7, 7, *range(10)])
    for name in ("sheet.png", "sheet.WEBP", "deep/er/sheet.jpg"):
        assert here("sample", model, "--seeds", "7,7,0-9", "--out", tmp_path / name).code == 0
        with Image.open(tmp_path / name) as image:
            assert image.size == (8 * 66 + 2, 2 * 66 + 2)
    np.testing.assert_array_equal(images.load(tmp_path / "sheet.png"), images.grid(faces))
    with Image.open(tmp_path / "sheet.png") as image:
        recipe = json.loads(image.info["neuroceleb"])
    assert recipe["seeds"] == [7, 7, *range(10)]


def test_truncation_scales_z(model: Path, here: helpers.Here, tmp_path: Path) -> None:
    loaded = generator.load(model)
    for truncation in (0.0, 0.5):
        out = tmp_path / str(truncation)
        arguments = ("--seeds", "3", "--truncation", str(truncation), "--out", out)
        assert here("sample", model, *arguments).code == 0
        expected = loaded.images(z_from_seeds([3], 100) * np.float32(truncation))[0]
        np.testing.assert_array_equal(images.load(out / "seed_0003.png"), expected)


@pytest.mark.parametrize(
    ("option", "value", "word"),
    [
        ("--seeds", "", "''"),
        ("--seeds", "one", "'one'"),
        ("--seeds", "-1", "'-1'"),
        ("--seeds", "5-3", "3-5"),
        ("--seeds", "0-100000", "100,000"),
        ("--seeds", str(MAX_SEED + 1), "too large"),
        ("--truncation", "nan", "0 to 2"),
        ("--truncation", "inf", "0 to 2"),
        ("--truncation", "-1", "0 to 2"),
        ("--truncation", "2.5", "0 to 2"),
        ("--truncation", "much", "much"),
        ("--epoch", "3", "--epoch"),
    ],
)
def test_a_bad_value_is_refused_and_nothing_is_made(
    option: str, value: str, word: str, tiny: Path, here: helpers.Here, tmp_path: Path
) -> None:
    given = {"--seeds": "1", "--out": str(tmp_path / "out"), option: value}
    flags = [f"{name}={text}" for name, text in given.items()]
    here("sample", tiny, *flags).assert_refused(word)
    assert not (tmp_path / "out").exists()


def test_a_hundred_thousand_seeds_are_not_too_many_to_read(
    here: helpers.Here, tmp_path: Path
) -> None:
    missing = here("sample", "nowhere", "--seeds", "0-99999", "--out", tmp_path / "out")
    missing.assert_refused("'nowhere' is no run")


def test_a_sheet_too_long_for_its_format_says_what_to_do(
    tiny: Path, here: helpers.Here, tmp_path: Path
) -> None:
    arguments = ("--seeds", "0-1999", "--out", tmp_path / "long.webp")
    here("sample", tiny, *arguments).assert_refused("use .png")
    assert not (tmp_path / "long.webp").exists()


def test_a_file_in_the_way_is_named(tiny: Path, here: helpers.Here, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("in the way")
    here("sample", tiny, "--seeds", "1", "--out", tmp_path / "out").assert_refused(
        "cannot be created"
    )
    here("sample", tiny, "--seeds", "1", "--out", tmp_path / "out" / "a.png").assert_refused("out")
