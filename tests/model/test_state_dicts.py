"""Generators and discriminators in the forms in which people save them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.optim.swa_utils import AveragedModel

from neuroceleb.errors import UserError
from neuroceleb.model import checkpoint, state_dicts
from neuroceleb.model.networks import Discriminator
from tests import helpers
from tests.training import reference

Weights = dict[str, torch.Tensor]


def prefixed(prefix: str, weights: Weights) -> Weights:
    return {prefix + name: tensor for name, tensor in weights.items()}


def networks() -> tuple[Weights, Weights]:
    return dict(helpers.random_generator().state_dict()), dict(Discriminator(4).state_dict())


def optimizer() -> dict[str, Any]:
    parameter = nn.Parameter(torch.ones(2))
    adam = torch.optim.Adam([parameter])
    parameter.sum().backward()
    adam.step()
    return adam.state_dict()


def old_names(weights: Weights, separator: str) -> Weights:
    """As PyTorch's DCGAN example of 2017 named the layers of nz 8, ngf 4, and of ndf 4."""
    s = separator
    if "main.1.weight" in weights:
        names = {0: f"initial{s}8-32{s}convt", 1: f"initial{s}32{s}batchnorm"}
        for index, width in enumerate((32, 16, 8)):
            names[3 + 3 * index] = f"pyramid{s}{width}-{width // 2}{s}convt"
            names[4 + 3 * index] = f"pyramid{s}{width // 2}{s}batchnorm"
        names[12] = f"final{s}4-3{s}convt"
    else:
        names = {0: f"initial{s}3-4{s}conv", 11: f"final{s}32-1{s}conv"}
        for index, width in enumerate((4, 8, 16)):
            names[2 + 3 * index] = f"pyramid{s}{width}-{2 * width}{s}conv"
            names[3 + 3 * index] = f"pyramid{s}{2 * width}{s}batchnorm"
    found = {}
    for key, tensor in weights.items():
        _, number, name = key.split(".")
        found[f"main.{names[int(number)]}.{name}"] = tensor
    return found


FORMS: dict[str, Callable[[Weights, Weights], Any]] = {
    "plain": lambda g, d: g,
    "DataParallel": lambda g, d: prefixed("module.", g),
    "DataParallel twice": lambda g, d: prefixed("module.module.", g),
    "torch.compile": lambda g, d: prefixed("_orig_mod.", g),
    "compiled, then parallel": lambda g, d: prefixed("module._orig_mod.", g),
    "parallel, then compiled": lambda g, d: prefixed("_orig_mod.module.", g),
    "the Sequential alone": lambda g, d: {k.removeprefix("main."): t for k, t in g.items()},
    "AveragedModel": lambda g, d: dict(AveragedModel(_module(g)).state_dict()),
    "a checkpoint": lambda g, d: {"epoch": 3, "netG": g, "optimizerG": optimizer(), "loss": 1.0},
    "both networks": lambda g, d: {"netD": d, "netG": g, "args": {"lr": 2e-4, "name": "x"}},
    "discriminator first": lambda g, d: {"discriminator": d, "generator": g, "params": {"nz": 8}},
    "nested": lambda g, d: {"models": {"G": {"state_dict": prefixed("module.", g)}, "D": d}},
    "Lightning": lambda g, d: {
        "state_dict": prefixed("generator.", g) | prefixed("discriminator.", d),
        "pytorch-lightning_version": "2.4",
    },
    "averaged beside the other": lambda g, d: {
        "G": {k: t * 2 if t.is_floating_point() else t for k, t in g.items()},
        "G_ema": g,
    },
    "names of 2017": lambda g, d: old_names(g, ":"),
    "names of 2017 with dots, parallel": lambda g, d: prefixed("module.", old_names(g, ".")),
    "float16": lambda g, d: {k: t.half() if t.dim() == 4 else t for k, t in g.items()},
}


def _module(weights: Weights) -> nn.Module:
    network = reference.NetG(8, 4)
    network.load_state_dict(weights)
    return network


@pytest.mark.parametrize("form", FORMS)
def test_a_generator_is_read_as_people_save_it(form: str, tmp_path: Path) -> None:
    generator, discriminator = networks()
    path = tmp_path / "netG.pth"
    torch.save(FORMS[form](generator, discriminator), path)
    found = checkpoint.load_generator(path)[0].state_dict()
    tolerance = 1e-2 if form == "float16" else 0.0
    for name, tensor in generator.items():
        assert torch.allclose(found[name].float(), tensor.float(), rtol=tolerance, atol=tolerance)


def test_prefixes_in_safetensors_are_read_too(tmp_path: Path) -> None:
    generator, _ = networks()
    save_file(prefixed("_orig_mod.", generator), tmp_path / "netG.safetensors")
    found = checkpoint.load_generator(tmp_path / "netG.safetensors")[0].state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in generator.items())


@pytest.mark.parametrize(
    "form", ["plain", "names of 2017", "both networks", "torch.compile", "Lightning"]
)
def test_so_is_a_discriminator(form: str, tmp_path: Path) -> None:
    generator, discriminator = networks()
    values = {
        "plain": discriminator,
        "names of 2017": old_names(discriminator, "."),
        "both networks": {"netG": generator, "netD": discriminator},
        "torch.compile": prefixed("_orig_mod.", discriminator),
        "Lightning": {"state_dict": prefixed("D.", discriminator) | prefixed("G.", generator)},
    }
    torch.save(values[form], tmp_path / "netD.pth")
    found = checkpoint.load_discriminator(tmp_path / "netD.pth").state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in discriminator.items())


def with_layers(count: int) -> Weights:
    """The weights of a DCGAN generator with `count` convolutions, nz 8."""
    weights, width = {}, 4 * 2 ** (count - 2)
    before = 8
    for index in range(count - 1):
        weights[f"main.{3 * index}.weight"] = torch.ones(before, width, 4, 4)
        for name in ("weight", "bias", "running_mean", "running_var"):
            weights[f"main.{3 * index + 1}.{name}"] = torch.ones(width)
        before, width = width, width // 2
    weights[f"main.{3 * count - 3}.weight"] = torch.ones(before, 3, 4, 4)
    return weights


def grey() -> Weights:
    return dict(helpers.random_generator(nc=1).state_dict())


def twice() -> dict[str, Weights]:
    generator, _ = networks()
    return {"netG_A": generator, "netG_B": generator}


OTHERS: dict[str, tuple[Callable[[], Any], str]] = {
    "128 pixels": (lambda: with_layers(6), "makes images of 128x128 pixels"),
    "32 pixels": (lambda: with_layers(4), "makes images of 32x32 pixels"),
    "one channel": (grey, "is for images of 1 channels"),
    "two generators": (twice, r"holds several networks \(netG_A, netG_B\)"),
    "a discriminator": (lambda: {"netD": networks()[1]}, "is a discriminator"),
    "another layer": (lambda: networks()[0] | {"fc.weight": torch.ones(2)}, "unknown key 'fc.wei"),
    "a biased layer": (lambda: networks()[0] | {"main.3.bias": torch.ones(16)}, "unknown key"),
    "something else": (lambda: {"conv.weight": torch.ones(2)}, "not a state dict"),
    "too deep": (lambda: _deep(networks()[0], 6), "not a state dict"),
}


def _deep(value: Any, depth: int) -> Any:
    return value if depth == 0 else {"in": _deep(value, depth - 1)}


@pytest.mark.parametrize("name", OTHERS)
def test_other_networks_are_refused_by_name(name: str, tmp_path: Path) -> None:
    make, words = OTHERS[name]
    torch.save(make(), tmp_path / "netG.pth")
    with pytest.raises(UserError, match=words) as refusal:
        checkpoint.load_generator(tmp_path / "netG.pth")
    assert "netG.pth" in str(refusal.value)


def test_with_layers_is_a_generator_of_ours(tmp_path: Path) -> None:
    """Else the refusals above would show nothing."""
    torch.save(with_layers(5), tmp_path / "netG.pth")
    assert checkpoint.load_generator(tmp_path / "netG.pth")[0].ngf == 4


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
def test_torchscript_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "netG.pt"
    torch.jit.trace(helpers.random_generator(), torch.ones(1, 8, 1, 1)).save(path)
    with pytest.raises(UserError, match=r"netG\.pt is a TorchScript program, which is code"):
        checkpoint.load_generator(path)


def test_a_grey_generator_is_not_imported(here: helpers.Here, tmp_path: Path) -> None:
    folder = tmp_path / "old"
    folder.mkdir()
    torch.save(grey(), folder / "netG.pth")
    here("import", folder, "--run", "old").assert_refused("is for images of 1 channels")
    assert list((here.workspace / "checkpoints").iterdir()) == []


def test_a_checkpoint_of_both_networks_is_imported(here: helpers.Here, tmp_path: Path) -> None:
    folder = tmp_path / "old"
    folder.mkdir()
    generator, discriminator = networks()
    for name in ("netG.pth", "netD.pth"):
        torch.save({"netG": generator, "netD": discriminator}, folder / name)
    outcome = here("import", folder, "--run", "old")
    assert outcome.code == 0, outcome.err
    run = helpers.run_of(here.workspace, "old")
    assert (run.weights().is_file(), run.discriminator_file.is_file()) == (True, True)


def test_kinds_and_sizes() -> None:
    generator, discriminator = networks()
    kinds = [state_dicts.kind_of(weights) for weights in (generator, discriminator, {})]
    assert kinds == ["generator", "discriminator", ""]
    assert state_dicts.image_size(generator) == 64
    assert state_dicts.image_size({}) is None
