"""The maps of a generator's layers, and pictures with one map changed."""

from pathlib import Path

import numpy as np
import pytest
import torch

from neuroceleb.errors import UserError
from neuroceleb.latent import layers, sheets
from neuroceleb.latent.seeds import z_from_seed
from neuroceleb.model import checkpoint, generator
from neuroceleb.model.generator import Model
from neuroceleb.model.networks import Generator
from tests import helpers

NZ = 8


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(Path("none"), helpers.random_generator(NZ).requires_grad_(False), {}, "")


Z = z_from_seed(3, NZ)


def in_pytorch(network: Generator, layer: int, channel: int, factor: float) -> torch.Tensor:
    """The image of Z with a hook on a layer's ReLU that scales one channel: (3, 64, 64)."""

    def scale(_module: torch.nn.Module, _inputs: object, output: torch.Tensor) -> torch.Tensor:
        changed = output.clone()
        changed[:, channel] *= factor
        return changed

    hook = network.main[3 * layer - 1].register_forward_hook(scale)
    try:
        with torch.no_grad():
            return network(torch.from_numpy(Z)[None, :, None, None])[0]
    finally:
        hook.remove()


@pytest.mark.parametrize("layer", [1, 2, 3, 4])
@pytest.mark.parametrize("factor", [0.0, 3.0])
def test_silencing_or_scaling_a_map_is_scaling_that_channel_in_pytorch(
    model: Model, layer: int, factor: float
) -> None:
    channel = layers.of_face(model, Z, 1).layers[layer - 1].channels[0]
    expected = in_pytorch(model.network, layer, channel, factor)
    assert (expected - in_pytorch(model.network, layer, channel, 1.0)).abs().max() > 0.01
    rebuilt = layers._rebuilt(model.layers, Z, layer, [channel], [factor])[0]
    torch.testing.assert_close(rebuilt, expected, rtol=0, atol=1e-5)
    pictures = layers.scaled(model, Z, layer, channel, [factor, 1.0])
    assert np.array_equal(pictures[0], generator.to_pixels(rebuilt[None])[0])
    assert np.array_equal(pictures[1], layers.of_face(model, Z).picture)


def test_the_maps_are_the_activations_of_the_layers(model: Model) -> None:
    face = layers.of_face(model, Z, 3)
    assert np.abs(face.picture.astype(int) - model.images(Z[None])[0]).max() <= 1
    for maps in face.layers:
        with torch.no_grad():
            values = model.network.main[: 3 * maps.layer](torch.from_numpy(Z)[None, :, None, None])
        side = 2 ** (maps.layer + 1)
        assert maps.maps.shape == (3, side, side)
        assert maps.maps.dtype == np.uint8
        assert maps.total == values.shape[1]
        means = values[0].mean((1, 2))
        assert list(maps.means) == pytest.approx(means.sort(descending=True).values[:3].tolist())
        for channel, peak, pixels in zip(maps.channels, maps.peaks, maps.maps, strict=True):
            assert peak == pytest.approx(float(values[0, channel].max()), rel=1e-4)
            expected = values[0, channel].numpy() / peak * 255
            assert np.abs(pixels - expected).max() < 0.51


def test_a_silent_map_is_black() -> None:
    dead = layers._layer_maps(1, torch.zeros(2, 4, 4), [0, 1])
    assert dead.maps.max() == 0
    assert dead.peaks == (0.0, 0.0)


def test_effects_are_the_difference_of_the_pictures(model: Model) -> None:
    channels = layers.of_face(model, Z, 10).layers[1].channels  # more than one batch
    found = layers.effects(model, Z, 2, channels)
    for channel, effect in zip(channels, found, strict=True):
        silenced, whole = layers.scaled(model, Z, 2, channel, [0.0, 1.0]).astype(int)
        assert effect == pytest.approx(np.abs(silenced - whole).mean(), abs=0.5)


def test_the_same_maps_are_followed_through_the_epochs(tmp_path: Path) -> None:
    kept = {}
    for epoch in (4, 0, 2):
        kept[epoch] = tmp_path / f"netG_epoch_{epoch:03d}.safetensors"
        checkpoint.save_weights(kept[epoch], helpers.random_generator(NZ, seed=epoch), {})
    found = dict(layers.through_epochs(kept, Z, 2))
    assert list(found) == [0, 2, 4]
    last = layers.of_face(generator.load(kept[4]), Z, 2)
    assert np.array_equal(found[4].picture, last.picture)
    for epoch, face in found.items():
        assert face.channels == last.channels
        whole = layers.of_face(generator.load(kept[epoch]), Z, 2)
        assert np.array_equal(face.picture, whole.picture)
    channels = layers.of_face(generator.load(kept[0]), Z, 2).channels
    for _, face in layers.through_epochs(kept, Z, channels=channels):
        assert face.channels == channels
    assert list(layers.through_epochs({}, Z)) == []


@pytest.mark.parametrize(
    ("layer", "channel", "factors", "message"),
    [
        (0, 0, [1.0], "no layer 0"),
        (5, 0, [1.0], "no layer 5"),
        (4, 4, [1.0], "no map 4 in layer 4: it has maps 0 to 3"),
        (1, -1, [1.0], "no map -1"),
        (1, 0, [-0.1], "from 0 to 10"),
        (1, 0, [float("nan")], "from 0 to 10"),
        (1, 0, [], "64 at most"),
        (1, 0, [1.0] * 65, "64 at most"),
    ],
)
def test_a_change_out_of_bounds_is_refused(
    model: Model, layer: int, channel: int, factors: list[float], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        layers.scaled(model, Z, layer, channel, factors)


def test_other_requests_out_of_bounds_are_refused(model: Model) -> None:
    for count in (0, 65):
        with pytest.raises(UserError, match="use 1 to 64"):
            layers.of_face(model, Z, count)
    with pytest.raises(UserError, match="8 finite numbers"):
        layers.of_face(model, Z[:5])
    with pytest.raises(UserError, match="no layer 9"):
        layers.effects(model, Z, 9, [0])


def test_a_sheet_of_the_maps(model: Model) -> None:
    face = layers.of_face(model, Z, 8)  # layer 4 has only 4
    sheet = sheets.layers_sheet(face)
    assert sheet.shape == (4 * 66 + 2, 9 * 66 + 2, 3)
    assert np.array_equal(sheet[2:66, 2:66], face.picture)
    first = sheet[2:66, 68:132, 0][::16, ::16]
    assert np.array_equal(first, face.layers[0].maps[0])
