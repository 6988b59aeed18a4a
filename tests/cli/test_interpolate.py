"""The verb interpolate: the same pixels as `sample`, in a strip or a film."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neuroceleb import images
from neuroceleb.latent import interpolation
from neuroceleb.latent.seeds import z_from_seeds
from neuroceleb.model import checkpoint, generator
from tests import helpers


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "netG.safetensors"
    checkpoint.save_weights(path, helpers.random_generator(), {"run": "mine", "epoch": 3})
    return path


def test_a_strip_holds_every_frame_and_its_recipe(
    model: Path, here: helpers.Here, tmp_path: Path
) -> None:
    out = tmp_path / "deep" / "walk.png"
    arguments = ("--seeds", "3,14,15", "--frames", "70", "--easing", "smooth", "--json")
    outcome = here("interpolate", model, *arguments, "--out", out)
    assert outcome.code == 0, outcome.err
    told = json.loads(outcome.out)
    assert told["key_frames"] == [0, 35, 69]
    strip, recipe = images.decode_png(out.read_bytes(), 10**7)
    shown = images.ungrid(strip, 70, 64)
    loaded = generator.load(model)
    keys = z_from_seeds([3, 14, 15], 8)
    expected = loaded.images(interpolation.interpolate(keys, 70, easing="smooth"))
    np.testing.assert_array_equal(shown, expected)
    np.testing.assert_array_equal(shown[told["key_frames"]], loaded.images(keys))
    assert recipe == {
        **loaded.recipe,
        "keys": [{"seed": seed, "truncation": 1.0} for seed in (3, 14, 15)],
        "frames": 70,
        "loop": False,
        "method": "slerp",
        "easing": "smooth",
    }


@pytest.mark.parametrize("suffix", [".mp4", ".gif", ".webp"])
def test_films(suffix: str, model: Path, here: helpers.Here, tmp_path: Path) -> None:
    out = tmp_path / f"walk{suffix}"
    outcome = here("interpolate", model, "--seeds", "1-3", "--loop", "--frames", "12", "--out", out)
    assert outcome.code == 0, outcome.err
    assert "12 frames" in outcome.err
    if suffix != ".mp4":
        with Image.open(out) as image:
            assert image.size == (256, 256)
            assert image.n_frames == 12
    assert out.stat().st_size > 1_000


def test_from_the_real_command_line(model: Path, tmp_path: Path) -> None:
    done = helpers.command(
        tmp_path, "interpolate", model, "--seeds", "3,14", "--frames", "9", "--out", "walk.png"
    )
    assert done.code == 0, done.err
    shown = images.ungrid(images.load(tmp_path / "walk.png"), 9, 64)
    way = interpolation.interpolate(z_from_seeds([3, 14], 8), 9)
    np.testing.assert_array_equal(shown, generator.load(model).images(way))


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--seeds", "3", "add one"),
        ("--seeds", "0-12", "leave some out"),
        ("--seeds", "three", "'three' is not a seed"),
        ("--frames", "1", "2 to 3,600"),
        ("--frames", "many", "many"),
        ("--out", "walk.avi", "'.avi' is no video format"),
        ("--out", "walk", "no video format"),
        ("--fps", "nan", "frames a second"),
        ("--scale", "1000", "smaller scale"),
        ("--scale", "-1", "is not possible"),
        ("--truncation", "nan", "0 to 2"),
        ("--method", "swim", "swim"),
        ("--easing", "hop", "hop"),
        ("--epoch", "3", "--epoch"),
    ],
)
def test_a_bad_value_is_refused_and_nothing_is_made(
    option: str, value: str, words: str, model: Path, here: helpers.Here, tmp_path: Path
) -> None:
    given = {"--seeds": "1,2", "--frames": "9", "--out": "walk.mp4", option: value}
    given["--out"] = str(tmp_path / "out" / given["--out"])
    here("interpolate", model, *(f"{name}={text}" for name, text in given.items())).assert_refused(
        words
    )
    assert not (tmp_path / "out").exists()
