"""Files of weights, whoever wrote them -> a state dict of plain tensors.

Files are read with safetensors or `weights_only=True`, which never run code from a file; pickled
ones in a child process with bounded memory and time.
"""

import os
import pickle
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from neuroceleb import files, limited, records
from neuroceleb.errors import UserError
from neuroceleb.model import state_dicts, weight_shapes
from neuroceleb.model.weight_shapes import Weights
from neuroceleb.settings import IMAGE_SIZE

MAX_BYTES = 2 * 2**30
MAX_RATIO = 10  # of what a zip unpacks to; torch.save does not compress
MAX_HEADER_BYTES = 2**20  # of a safetensors file
READING_BYTES = 256 * 2**20  # that reading may take besides
MEMORY_FACTOR = 4  # memory that reading may take, by the size of the file
PLAIN_TYPES = frozenset(
    {
        *(torch.float16, torch.bfloat16, torch.float32, torch.float64),
        *(torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool),
    }
)


def read(path: Path, network: str) -> tuple[Weights, dict[str, Any]]:
    """The state dict of a "generator" or "discriminator", and the configuration saved with it."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise UserError(
            "{path} cannot be read ({reason}): check its name.", path=path, reason=error.strerror
        ) from error
    if size > MAX_BYTES:
        raise UserError(
            "{path} is over {max_gb} GB: a generator is never that large.",
            path=path,
            max_gb=MAX_BYTES // 2**30,
        )
    if path.suffix == ".safetensors":
        tensors, config = _read_safetensors(path)
        return _find(path, tensors, network), config
    return _read_pickled_weights(path, size, network), {}


def _find(path: Path, value: Any, network: str) -> Weights:
    """The network's state dict in a value; raises UserError where it is plainly of another kind."""
    weights = state_dicts.find(value, network, path)
    if not weights:
        raise UserError("{path} is not a state dict: save netG.state_dict() instead.", path=path)
    kind = state_dicts.kind_of(weights)
    if kind == "discriminator" and network == "generator":
        raise UserError("{path} is a discriminator: a generator is needed, netG.", path=path)
    if kind == "generator" and network == "discriminator":
        raise UserError("{path} is a generator: a discriminator is needed, netD.", path=path)
    size = state_dicts.image_size(weights)
    if kind == network == "generator" and size not in (None, IMAGE_SIZE):
        raise UserError(
            "{path} makes images of {size}x{size} pixels: only generators of {ours}x{ours} can be "
            "used.",
            path=path,
            size=size,
            ours=IMAGE_SIZE,
        )
    return weights


def _read_safetensors(path: Path) -> tuple[Weights, dict[str, Any]]:
    try:
        _check_header(path)
        with safetensors.safe_open(path, "pt") as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
        for name, tensor in weights.items():
            _check_plain(path, name, tensor)
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise UserError(
            "{path} is not a complete safetensors file: copy or make it again.", path=path
        ) from error
    return weights, records.parse_object(metadata.get("neuroceleb")) or {}


def _check_header(path: Path) -> None:
    """Raises ValueError where the file says that its header is larger than any of ours."""
    with files.open_regular(path, follow_links=True) as file:
        if int.from_bytes(file.read(8), "little") > MAX_HEADER_BYTES:
            raise ValueError("the header is too long")


# Pickled weights -----------------------------------------------------------------------------


def _read_pickled_weights(path: Path, size: int, network: str) -> Weights:
    """A network's state dict in a file of torch.save, read in a child process (see `limited`)."""
    with tempfile.TemporaryDirectory(prefix="neuroceleb-") as folder:
        converted = Path(folder) / "weights.safetensors"
        try:
            limited.call(
                f"{__name__}:convert_pickled_weights",
                [os.fspath(path), str(converted), network],
                MEMORY_FACTOR * size + READING_BYTES,
            )
        except limited.LimitExceededError as error:
            raise UserError(
                "{path} was refused: reading it takes far more memory or time than weights of its "
                "size; use one written by torch.save(netG.state_dict()).",
                path=path,
            ) from error
        return _read_safetensors(converted)[0]


def convert_pickled_weights(source: str, target: str, network: str) -> None:
    """Write a network's state dict in a file of torch.save as safetensors. Raises UserError.

    Only plain tensors are accepted: dense, on no device but the CPU, of ordinary numbers.
    """
    path = Path(source)
    weights = _find(path, unpickle(path), network)
    for name, tensor in weights.items():
        _check_plain(path, name, tensor)
    _check_giants(path, weights)
    tensors = {
        name: tensor.detach().clone(memory_format=torch.contiguous_format)
        for name, tensor in weights.items()
    }
    files.write_bytes(Path(target), safetensors.torch.save(tensors))


def unpickle(path: Path) -> Any:
    try:
        _check_archive(path)
        with files.open_regular(path, follow_links=True) as file:
            return torch.load(file, map_location="cpu", weights_only=True)
    except (UserError, MemoryError):
        raise
    except pickle.UnpicklingError as error:
        raise UserError(
            "{path} was refused: it contains code or is not a file of plain weights; use one "
            "written by torch.save(netG.state_dict()).",
            path=path,
        ) from error
    except Exception as error:  # torch raises any kind of exception for malformed bytes
        raise UserError(
            "{path} is damaged or not a weights file: copy or make it again.", path=path
        ) from error


def _check_archive(path: Path) -> None:
    """Raises UserError for a zip that is too large unpacked, or that is a TorchScript program."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if any(name.endswith("constants.pkl") for name in archive.namelist()):
                raise UserError(
                    "{path} is a TorchScript program, which is code: save netG.state_dict() "
                    "instead.",
                    path=path,
                )
            unpacked = sum(part.file_size for part in archive.infolist())
            if unpacked > min(MAX_BYTES, MAX_RATIO * path.stat().st_size):
                raise UserError(
                    "{path} unpacks to {unpacked} MB: it was refused.",
                    path=path,
                    unpacked=unpacked >> 20,
                )


def _check_giants(path: Path, weights: Weights) -> None:
    """Raises UserError where views of a few bytes stand for a network larger than any of ours."""
    if "main.12.weight" in weights:
        weight_shapes.generator_shape(path, weights)
    elif "main.0.weight" in weights:
        weight_shapes.discriminator_shape(path, weights)
    if sum(tensor.numel() * tensor.element_size() for tensor in weights.values()) > MAX_BYTES:
        raise UserError(
            "{path} unpacks to over {max_gb} GB: it was refused.",
            path=path,
            max_gb=MAX_BYTES // 2**30,
        )


# Plain tensors -------------------------------------------------------------------------------


def _check_plain(path: Path, name: str, tensor: torch.Tensor) -> None:
    """Raises UserError for a tensor without plain numbers: sparse, meta, quantized, float8, …"""
    is_plain = (
        type(tensor) in (torch.Tensor, torch.nn.Parameter)
        and tensor.layout is torch.strided
        and not tensor.is_nested
        and tensor.device.type == "cpu"
        and tensor.dtype in PLAIN_TYPES
    )
    if not is_plain:
        raise UserError(
            "{path} is not a file of plain weights: '{name}' holds {kind} numbers; save "
            "netG.float().state_dict() instead.",
            path=path,
            name=name[:80],
            kind=_kind_of(tensor),
        )


def _kind_of(tensor: torch.Tensor) -> str:
    if tensor.is_nested:
        return "nested"
    if tensor.layout is not torch.strided:
        return "sparse"
    return "no" if tensor.is_meta else str(tensor.dtype).removeprefix("torch.")
