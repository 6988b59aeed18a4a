"""Checkpoint files: the weights of a network with their configuration, to generate with."""

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from neuroceleb import files
from neuroceleb.model import weight_shapes, weights_file
from neuroceleb.model.networks import Discriminator, Generator


def save_weights(
    path: Path, network: torch.nn.Module, config: Mapping[str, Any], dtype: str = "float32"
) -> None:
    """Write a network as safetensors, `config` as JSON in its metadata, whole or not at all.

    With dtype "float16" the convolutions are stored as float16; BatchNorm stays float32.
    """
    save_tensors(path, network.state_dict(), config, dtype)


def save_tensors(
    path: Path, weights: Mapping[str, torch.Tensor], config: Mapping[str, Any], dtype: str
) -> None:
    """As `save_weights`, given a state dict."""
    tensors = {
        name: _converted(tensor, dtype).detach().cpu().contiguous()
        for name, tensor in weights.items()
    }
    metadata = {"format": "pt", "neuroceleb": json.dumps(config, ensure_ascii=False)}
    files.write_bytes(path, safetensors.torch.save(tensors, metadata))


def _converted(tensor: torch.Tensor, dtype: str) -> torch.Tensor:
    return tensor.half() if dtype == "float16" and tensor.dim() == 4 else tensor


def save_pth(path: Path, network: torch.nn.Module) -> None:
    """Write a state dict that the original script can load, whole or not at all."""
    tensors = {name: tensor.cpu().contiguous() for name, tensor in network.state_dict().items()}
    with files.replacing(path) as temporary:
        torch_save(tensors, temporary)


def torch_save(value: dict[str, Any], path: Path) -> None:
    """Serialize to memory first: on a full disk, torch.save raises no OSError."""
    buffer = io.BytesIO()
    torch.save(value, buffer)
    with path.open("xb") as file:
        file.write(buffer.getbuffer())
        file.flush()
        os.fsync(file.fileno())


def load_generator(path: Path) -> tuple[Generator, dict[str, Any]]:
    """Load a generator in eval mode and the configuration saved with it ({} if there is none).

    The file is a safetensors file of `save_weights`, or what `torch.save` writes, in the zip or the
    legacy format: a state dict, or a checkpoint that holds one (see `state_dicts.find`). `nz` and
    `ngf` are read from the weights. Raises UserError where the file is damaged, contains code, or
    is not a generator of 64x64 RGB images.
    """
    weights, config = weights_file.read(path, "generator")
    nz, ngf, nc = weight_shapes.generator_shape(path, weights)
    generator = Generator(nz, ngf, nc)
    weight_shapes.load_into(path, generator, weights)
    weight_shapes.check_layers(path, generator.eval())
    return generator, config


def load_discriminator(path: Path) -> Discriminator:
    """Load a discriminator in eval mode; `ndf` and `nc` are read from the weights.

    Raises UserError where the file is damaged, contains code, or is not a discriminator.
    """
    weights, _ = weights_file.read(path, "discriminator")
    ndf, nc = weight_shapes.discriminator_shape(path, weights)
    weight_shapes.check_colour(path, nc)
    norm = "batch" if "main.3.weight" in weights else "none"
    discriminator = Discriminator(ndf, nc, norm)
    weight_shapes.load_into(path, discriminator, weights)
    return discriminator.eval()
