"""Whether a state dict fits one of our networks: its widths, shapes and numbers."""

from pathlib import Path

import torch

from neuroceleb.errors import Message, UserError
from neuroceleb.model.networks import Generator
from neuroceleb.settings import CHANNELS

MAX_CHANNELS = {"nz": 4_096, "ngf": 512, "ndf": 512, "nc": 512}
GENERATOR, DISCRIMINATOR = Message("generator"), Message("discriminator")

Weights = dict[str, torch.Tensor]


def generator_shape(path: Path, weights: Weights) -> tuple[int, int, int]:
    first = _tensor(path, weights, "main.0.weight", GENERATOR, 4)
    last = _tensor(path, weights, "main.12.weight", GENERATOR, 4)
    nz, ngf, nc = first.shape[0], last.shape[0], last.shape[1]
    _check_channels(path, GENERATOR, nz=nz, ngf=ngf, nc=nc)
    check_colour(path, nc)
    return nz, ngf, nc


def discriminator_shape(path: Path, weights: Weights) -> tuple[int, int]:
    first = _tensor(path, weights, "main.0.weight", DISCRIMINATOR, 4)
    _check_channels(path, DISCRIMINATOR, ndf=first.shape[0], nc=first.shape[1])
    return first.shape[0], first.shape[1]


def check_colour(path: Path, nc: int) -> None:
    if nc != CHANNELS:
        raise UserError(
            "{path} is for images of {count} channels: only RGB, which has 3, can be used.",
            path=path,
            count=nc,
        )


def _check_channels(path: Path, kind: Message, **channels: int) -> None:
    """Reject huge shapes, which a small file can claim, before a network is allocated."""
    for name, count in channels.items():
        if count > MAX_CHANNELS[name]:
            raise UserError(
                "{path} is not a {kind} of ours: its {name} {count} is too large.",
                path=path,
                kind=kind,
                name=name,
                count=count,
            )


def load_into(path: Path, network: torch.nn.Module, weights: Weights) -> None:
    """Load a state dict; raises UserError naming the first key that does not match."""
    kind = GENERATOR if isinstance(network, Generator) else DISCRIMINATOR
    expected = network.state_dict()
    for name, tensor in expected.items():
        if name.endswith("num_batches_tracked"):  # missing in files of PyTorch before 0.4.1
            weights.setdefault(name, tensor)
        _check_tensor(path, kind, name, _tensor(path, weights, name, kind, tensor.dim()), tensor)
    extra = sorted(set(weights) - set(expected))
    if extra:
        raise UserError(
            "{path} is not a {kind}: it has an unknown key '{key}'.",
            path=path,
            kind=kind,
            key=extra[0][:80],
        )
    network.load_state_dict(weights)


def check_layers(path: Path, network: Generator) -> None:
    """Raises UserError where a layer turns plain z into numbers that are not finite."""
    rng = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        values = torch.randn(2, network.nz, 1, 1, generator=rng)
        for layer in network.main:
            values = layer(values)
            if not torch.isfinite(values).all():
                raise UserError(
                    "{path} makes no images of finite numbers: it cannot be used.", path=path
                )


def _tensor(path: Path, weights: Weights, name: str, kind: Message, dims: int) -> torch.Tensor:
    if name not in weights:
        raise UserError(
            "{path} is not a {kind}: '{name}' is missing.", path=path, kind=kind, name=name
        )
    tensor = weights[name]
    if tensor.dim() != dims or 0 in tensor.shape:
        raise UserError(
            "{path} is not a {kind}: '{name}' has shape {shape}, not {dims} sides.",
            path=path,
            kind=kind,
            name=name,
            shape=tuple(tensor.shape),
            dims=dims,
        )
    return tensor


def _check_tensor(
    path: Path, kind: Message, name: str, found: torch.Tensor, expected: torch.Tensor
) -> None:
    if found.shape != expected.shape:
        raise UserError(
            "{path} is not a {kind}: '{name}' has shape {shape}, not {expected}.",
            path=path,
            kind=kind,
            name=name,
            shape=tuple(found.shape),
            expected=tuple(expected.shape),
        )
    if found.is_floating_point() != expected.is_floating_point():
        raise UserError(
            "{path} is not a {kind}: '{name}' holds {dtype} numbers.",
            path=path,
            kind=kind,
            name=name,
            dtype=found.dtype,
        )
    if not torch.isfinite(found).all():
        raise UserError(
            "{path} has values in '{name}' that are not finite: it cannot be used.",
            path=path,
            name=name,
        )
